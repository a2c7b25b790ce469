"""The disk fills to the last byte under a service that is at work, and has room again later."""

from __future__ import annotations

import time
from contextlib import nullcontext

import pytest

from faults.disks import SmallDisk, immutable, may_mount
from faults.looking import Looks
from tests.clusters import Cluster
from tests.disturbed import Losses, Stand, batteries

ROWS = 6_000
ROWS_A_SECOND = 50.0
SECONDS_FULL = 30.0

pytestmark = [pytest.mark.timeout(1800), pytest.mark.skipif(not may_mount(), reason="mounting a small disk takes root")]


def _cluster_on(disk: SmallDisk) -> Cluster:
    folder = disk.folder / "cluster"
    folder.mkdir()
    return Cluster(folder)


def test_a_full_disk_stops_rows_loses_none_and_is_told(database, tmp_path, tell, seed):
    fleet = batteries(2, 1)
    with (
        SmallDisk(400 * 2**20) as disk,
        _cluster_on(disk) if database == "PostgreSQL" else nullcontext() as own,
        Stand(tmp_path / "undisturbed", own, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(disk.folder / "data", own, fleet=fleet, rows=ROWS, logs=tmp_path / "logs", seed=seed) as stand,
    ):
        undisturbed.begin()
        undisturbed.finish()
        undisturbed.kill_all()
        stand.begin(ROWS_A_SECOND)
        stand.wait_for_rows(500)
        looks = Looks(stand)
        assert looks.look()[0] == 200

        disk.fill()
        looks.during(SECONDS_FULL)
        assert (stand.health()[0], "disk" in stand.health()[1].get("missing", [])) == (503, True)
        assert looks.always_live
        while_full = stand.acknowledged()

        disk.empty()
        begun = time.monotonic()
        stand.wait_for_rows(while_full - stand.acknowledged() + 100)
        again = time.monotonic() - begun
        stand.wait_until_ready()
        stand.finish()
        found = Losses.of(stand, undisturbed)
        tell(
            f"disk full for {SECONDS_FULL:.0f} s, {stand.vendor}: {looks}; rows flowed again {again:.1f} s after there "
            f"was room; {found}; processes started again {stand.revived}"
        )
        assert found.nothing(), vars(found)


def test_a_folder_that_cannot_be_written_is_told_and_taken_up_again(tmp_path, tell):
    """SQLite's alone: with PostgreSQL the rows lie elsewhere."""
    with (
        SmallDisk(200 * 2**20) as disk,
        Stand(disk.folder / "data", fleet=batteries(2, 0), rows=ROWS, logs=tmp_path / "logs") as stand,
    ):
        disk.read_only(True)
        stand.begin(ROWS_A_SECOND)
        looks = Looks(stand)
        looks.during(SECONDS_FULL)
        assert stand.health()[0] == 503
        assert looks.always_live
        assert stand.acknowledged() == 0

        disk.read_only(False)
        begun = time.monotonic()
        stand.wait_for_rows(100)
        again = time.monotonic() - begun
        stand.wait_until_ready()
        stand.finish()
        tell(
            f"data folder read-only for {SECONDS_FULL:.0f} s: {looks}; rows flowed {again:.1f} s after it could be "
            f"written, without a restart of the web server; {stand.stored()} rows, losses {len(stand.losses())}; "
            f"workers started again meanwhile {stand.revived}"
        )
        assert (stand.stored(), stand.losses()) == (ROWS * len(stand.names), [])


def test_a_folder_that_turns_read_only_amid_rows_stops_them_and_loses_none(tmp_path, tell):
    """SQLite's alone, as above. Its files are open: the kernel remounts no disk that is written to, so they and their
    folder become immutable, which refuses every write. What is mapped into memory is spared: a write to it would kill.
    """
    with Stand(tmp_path / "data", fleet=batteries(2, 0), rows=ROWS, logs=tmp_path / "logs") as stand:
        stand.begin(ROWS_A_SECOND)
        stand.wait_for_rows(500)
        with immutable(stand.data, *stand.data.glob("rovi.sqlite3"), *stand.data.glob("rovi.sqlite3-wal")):
            looks = Looks(stand)
            stand.wait(2)  # the device hears what was stored before
            before = stand.acknowledged()
            looks.during(SECONDS_FULL)
            assert (stand.health()[0], looks.always_live) == (503, True)
            assert stand.acknowledged() == before
        begun = time.monotonic()
        stand.wait_for_rows(100)
        again = time.monotonic() - begun
        stand.wait_until_ready()
        stand.finish()
        tell(
            f"data folder turned read-only amid rows for {SECONDS_FULL:.0f} s: {looks}; rows flowed {again:.1f} s "
            f"after it could be written, without a restart of the web server; {stand.stored()} rows, losses "
            f"{len(stand.losses())}; processes started again {stand.revived}"
        )
        assert (stand.stored(), stand.losses()) == (ROWS * len(stand.names), [])
