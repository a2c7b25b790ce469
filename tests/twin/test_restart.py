"""Real workers, killed at any moment: what they leave is what an undisturbed run leaves, bit for bit."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
ROWS = 600
NAMES = ("built in", "script", "counter")
KILLS = 4


class Folder:
    """A data folder with its own database, and the processes that work on it."""

    def __init__(self, path: Path, **variables: str) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROVI_", "PYTEST"))}
        ours = {"ROVI_DATA": str(path), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
        self.environment = {**kept, **ours, **variables}
        self.run("manage.py", "migrate", "--verbosity", "0")

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=self.environment, check=True, timeout=120)

    def stage(self, *arguments: str) -> None:
        self.run("-m", "tests.twin.stage", *arguments)

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

    def estimates(self) -> dict[str, list[tuple]]:
        found = self.ask("SELECT b.name, e.id FROM twin_estimator e JOIN datahub_battery b ON b.id = e.battery_id")
        return {name: self.ask(f"SELECT * FROM estimates_{number} ORDER BY row_id") for name, number in found}

    def counts(self) -> list[tuple]:
        return self.ask(
            "SELECT rows_seen, rows_stepped, mean_nis, mean, covariance FROM twin_estimatorprogress ORDER BY 1, 2, 4"
        )


def prepared(path: Path, **variables: str) -> Folder:
    folder = Folder(path, **variables)
    for name, kind, what in zip(
        NAMES, ("joint_ukf", "script", "script"), ("one_rc", "joint_filter", "coulomb_counter"), strict=True
    ):
        folder.stage("register", name, kind, what)
        folder.stage("rows", name, "0", str(ROWS))
    return folder


def wait_until(true, seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "the worker did not get there in time"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_worker_killed_again_and_again_leaves_what_an_undisturbed_one_leaves(tmp_path, sandbox):
    undisturbed = prepared(tmp_path / "undisturbed")
    worker = undisturbed.worker()
    try:
        wait_until(lambda: undisturbed.seen() == ROWS * len(NAMES))
    finally:
        worker.terminate()
        worker.wait(30)

    # Small chunks, so that there are many moments between and within commits; other ones each time.
    chance = random.Random(20_241_121)
    disturbed = prepared(tmp_path / "disturbed", ROVI_ESTIMATION_CHUNK_ROWS="20")
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
    disturbed.environment["ROVI_ESTIMATION_CHUNK_ROWS"] = "500"
    worker = disturbed.worker()
    try:
        wait_until(lambda: disturbed.seen() == ROWS * len(NAMES))
    finally:
        worker.terminate()
        worker.wait(30)

    expected, found = undisturbed.estimates(), disturbed.estimates()
    assert {name: len(rows) for name, rows in found.items()} == {"built in": 599, "script": 599, "counter": 600}
    for name in NAMES:
        assert found[name] == expected[name], name
    assert disturbed.counts() == undisturbed.counts()
    assert [row[2:] for row in found["script"]] == [row[2:] for row in found["built in"]]
