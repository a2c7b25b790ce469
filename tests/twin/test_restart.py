"""Real workers, killed at any moment: what they leave is what an undisturbed run leaves, bit for bit."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.migrated import put_migrated

PROJECT = Path(__file__).resolve().parent.parent.parent
ROWS = 160
NAMES = ("built in", "script", "counter")
KILLS = 3


class Folder:
    """A data folder with its own database, and the processes that work on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROVI_", "PYTEST"))}
        ours = {
            "ROVI_DATA": str(path), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "rovi_site.settings",
            "ROVI_JOB_LEASE_SECONDS": "6",  # of a job that a killed worker had begun
        }  # fmt: skip
        self.environment = {**kept, **ours}

    def prepare(self) -> None:
        put_migrated(self.path)
        arguments = [sys.executable, "-m", "tests.twin.stage", str(ROWS)]
        subprocess.run(arguments, cwd=PROJECT, env=self.environment, check=True, timeout=240)

    def copy(self, path: Path) -> Folder:
        shutil.copytree(self.path, path)
        return Folder(path)

    def worker(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"],
            cwd=PROJECT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, sql: str) -> list[tuple]:
        with sqlite3.connect(self.path / "rovi.sqlite3", timeout=30) as database:
            return database.execute(sql).fetchall()

    def seen(self) -> int:
        return self.ask("SELECT COALESCE(SUM(rows_seen), 0) FROM twin_estimatorprogress")[0][0]

    def is_done(self) -> bool:
        """All rows are seen, and the late ones worked in."""
        (waiting,) = self.ask("SELECT COUNT(*) FROM twin_estimatorprogress WHERE late_from IS NOT NULL")[0]
        return self.seen() == ROWS * len(NAMES) and not waiting

    def estimates(self) -> dict[str, list[tuple]]:
        found = self.ask("SELECT b.name, e.id FROM twin_estimator e JOIN datahub_battery b ON b.id = e.battery_id")
        return {name: self._estimates_of(number) for name, number in found}

    def _estimates_of(self, number: int) -> list[tuple]:
        """All but when each was computed."""
        return [row[:-1] for row in self.ask(f"SELECT * FROM estimates_{number} ORDER BY row_id")]

    def counts(self) -> list[tuple]:
        return self.ask(
            "SELECT rows_seen, rows_stepped, mean_nis, mean, covariance FROM twin_estimatorprogress ORDER BY 1, 2, 4"
        )


def wait_until(true, seconds: float = 240.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "the worker did not get there in time"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_killed_again_and_again_leaves_what_an_undisturbed_one_leaves(tmp_path, sandbox):
    undisturbed = Folder(tmp_path / "undisturbed")
    undisturbed.prepare()
    disturbed = undisturbed.copy(tmp_path / "disturbed")
    worker = undisturbed.worker()
    try:
        wait_until(undisturbed.is_done)
    finally:
        worker.terminate()
        worker.wait(240)

    # Small chunks, so that there are many moments between and within commits; other ones each time.
    chance = random.Random(20_241_121)
    for kill in range(KILLS):
        disturbed.environment["ROVI_ESTIMATION_CHUNK_ROWS"] = str(chance.choice([3, 20, 37]))
        target = (kill + 1) * ROWS * len(NAMES) // (KILLS + 1)
        worker = disturbed.worker()
        try:
            wait_until(lambda wanted=target: disturbed.seen() >= wanted)
            time.sleep(chance.uniform(0, 0.02))
        finally:
            worker.kill()
            worker.wait()
    workers = [disturbed.worker(), disturbed.worker()]  # for the rest two at once, which must not step a row twice
    try:
        wait_until(disturbed.is_done)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(240)

    expected, found = undisturbed.estimates(), disturbed.estimates()
    assert disturbed.ask("SELECT COUNT(*) FROM twin_recomputed") == [(len(NAMES),)]
    assert {name: len(rows) for name, rows in found.items()} == {
        "built in": ROWS - 1, "script": ROWS - 1, "counter": ROWS
    }  # fmt: skip
    for name in NAMES:
        assert found[name] == expected[name], name
    assert disturbed.counts() == undisturbed.counts()
    assert [row[2:] for row in found["script"]] == [row[2:] for row in found["built in"]]
