"""The database is locked, or gone, for longer than anything waits for it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager

import psycopg
import pytest

from faults.looking import Looks
from tests.disturbed import Losses, Stand, batteries

ROWS = 6_000
ROWS_A_SECOND = 50.0
SECONDS_AWAY = 40.0  # a little more than the 30 s for which a writer stands in SQLite's line

pytestmark = pytest.mark.timeout(1800)


@contextmanager
def locked(stand: Stand):
    """Nobody else writes a battery's row."""
    if stand.vendor == "sqlite":
        with closing(sqlite3.connect(stand.data / "rovi.sqlite3", timeout=30, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")
    else:
        with psycopg.connect(stand.environment["DATABASE_URL"]) as holder:
            holder.execute("LOCK TABLE datahub_battery IN SHARE MODE")
            yield


@contextmanager
def gone(stand: Stand):
    """The server is stopped."""
    stand.is_supervised = False
    stand.cluster.stop()
    yield
    stand.cluster.start()
    stand.is_supervised = True


def passes(stand: Stand, undisturbed: Stand, fault, words: str, missing: str, tell) -> None:
    undisturbed.begin()
    undisturbed.finish()
    undisturbed.kill_all()
    stand.begin(ROWS_A_SECOND)
    stand.wait_for_rows(500)
    looks = Looks(stand)
    assert looks.look()[0] == 200
    with fault(stand):
        looks.during(SECONDS_AWAY)
        status, told = stand.health(seconds=45)
        assert (status, missing in told.get("missing", [])) == (503, True), told
    begun = time.monotonic()
    stand.wait_for_rows(100)
    again = time.monotonic() - begun
    stand.wait_until_ready()
    stand.finish()
    found = Losses.of(stand, undisturbed)
    tell(
        f"{words} for {SECONDS_AWAY:.0f} s, {stand.vendor}: {looks}; rows flowed again {again:.1f} s after its end; "
        f"{found}; processes started again {stand.revived}"
    )
    assert looks.always_live
    assert found.nothing(), vars(found)


def test_a_locked_database_is_waited_for(cluster, tmp_path, tell, seed):
    fleet = batteries(2, 1)
    with (
        Stand(tmp_path / "undisturbed", cluster, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(tmp_path / "locked", cluster, fleet=fleet, rows=ROWS, seed=seed) as stand,
    ):
        passes(stand, undisturbed, locked, "database locked", "storing", tell)
        assert stand.revived == 0


def test_a_database_that_is_gone_is_waited_for(own_cluster, tmp_path, tell, seed):
    fleet = batteries(2, 1)
    with (
        Stand(tmp_path / "undisturbed", own_cluster, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(tmp_path / "gone", own_cluster, fleet=fleet, rows=ROWS, seed=seed) as stand,
    ):
        passes(stand, undisturbed, gone, "database gone", "database", tell)
