"""What the first release left in a database is there after an upgrade, and goes on where it stopped."""

from __future__ import annotations

import json
import secrets
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import psycopg
import pytest
from django.db import connection

from energykit.ukf import FilterRows, JointFilterParameters, run_filter
from sandbox.walls import DEFAULT_WALLS, probe_walls
from tests import services
from tests.servers import PROJECT, environment, free_port
from tests.twin import oracle

ARCHIVE = Path(__file__).resolve().parent.parent / "data" / "first_release.tar.xz"

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory, django_db_blocker):
    """What tests.rovi_site.upgraded found."""
    data, vendor = tmp_path_factory.mktemp("first-release"), connection.vendor
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(data, filter="data")
    script = (data / vendor / "database.sql").read_text(encoding="utf-8")
    if vendor == "sqlite":
        with sqlite3.connect(data / vendor / "rovi.sqlite3") as database:
            database.executescript(script)
        yield found_in(data / vendor, "")
        return
    name = f"rovi_test_{secrets.token_hex(6)}"
    url = services.postgres_url().rpartition("/")[0] + "/" + name
    with psycopg.connect(services.postgres_url(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(url) as database:
                database.execute(script)
            yield found_in(data / vendor, url)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def found_in(data, url):
    walls = ",".join(DEFAULT_WALLS) if not probe_walls().missing(DEFAULT_WALLS) else "rlimits"
    told = subprocess.run(
        [sys.executable, "-m", "tests.rovi_site.upgraded"],
        cwd=PROJECT,
        env=environment(
            data, free_port(), DATABASE_URL=url, DJANGO_SETTINGS_MODULE="rovi_site.settings", ROVI_SANDBOX_WALLS=walls
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_all_migrations_are_applied_and_can_be_taken_back_with_their_data(upgraded):
    assert "twin.0002_versions" in upgraded["applied"]
    assert "datahub.0002_keeping" in upgraded["applied"]
    assert upgraded["not_taken_back"] == {}
    assert upgraded["changed_on_the_way"] == []


def test_every_page_and_address_answers(upgraded):
    assert upgraded["bad_answers"] == {}


def test_rows_are_as_they_were_and_what_waited_is_done(upgraded):
    assert upgraded["rows_changed"] == []
    assert upgraded["first_received"] == 0
    assert upgraded["imported"]
    assert {state for _, state in upgraded["jobs"]} == {"done"}


def test_estimators_go_on_from_their_checkpoints_and_work_in_what_came_late(upgraded):
    assert upgraded["states"] == {name: ["ready", ""] for name in ("steady", "counter", "built in")}
    steady = upgraded["estimates"]["steady"]
    assert (upgraded["cursor"], len(upgraded["at_first"]["steady"]), len(steady)) == (120, 119, 149)
    assert steady[:119] == upgraded["at_first"]["steady"]  # not made anew
    rows = oracle.records(last=200)
    late = rows.pop(20)
    np.testing.assert_allclose(steady, filtered(rows[:150]), rtol=1e-9)
    np.testing.assert_array_equal(upgraded["estimates"]["built in"], filtered([*rows[:20], late, *rows[20:150]]))
    assert len(upgraded["estimates"]["counter"]) == 151


def filtered(rows):
    """What the built-in filter makes of these rows today."""
    columns = [np.array([row[name] for row in rows]) for name in ("test_time", "current", "voltage")]
    result = run_filter(JointFilterParameters.from_mapping(oracle.parameters("one_rc")), FilterRows(*columns))
    return result.means[result.stepped]
