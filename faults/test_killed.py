"""Web server, workers, zygote, database server and device killed at random moments, a hundred times in all."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.disturbed import STOPPED, Losses, Stand, batteries

KILLS = int(os.environ.get("ROVI_FAULT_KILLS") or 100)
ROWS = 24_000
ROWS_A_SECOND = 15.0  # of each battery; they would last 27 minutes, and what is left is then sent at once
SHORTEST, LONGEST = 0.2, 12.0  # s between two kills: some meet what has only just begun to start
VICTIMS = {"web": 4, STOPPED: 1, "worker": 4, "zygote": 3, "client": 1}
WITH_DATABASE = {**VICTIMS, "database": 3}
BUILT_IN, SCRIPTS = 3, 1

pytestmark = pytest.mark.timeout(7200)


def test_nothing_is_lost_and_nothing_done_twice_whatever_is_killed(cluster, tmp_path, tell, seed):
    fleet = batteries(BUILT_IN, SCRIPTS)
    victims = WITH_DATABASE if cluster else VICTIMS
    chance = random.Random(seed)
    begun = time.monotonic()
    with (
        Stand(tmp_path / "undisturbed", cluster, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(tmp_path / "disturbed", cluster, fleet=fleet, rows=ROWS, workers=2 if cluster else 1, seed=seed) as stand,
    ):
        undisturbed.begin()
        undisturbed.finish()
        undisturbed.kill_all()
        stand.is_varied = True
        stand.begin(ROWS_A_SECOND)
        killed: Counter[str] = Counter()
        while_rows_came, before = 0, 0
        while killed.total() < KILLS:
            stand.wait(chance.uniform(SHORTEST, LONGEST))
            came = stand.acknowledged()
            assert came < ROWS * len(fleet), "the rows came to their end before the last kill"
            struck = stand.strike(chance.choices(list(victims), list(victims.values()))[0])
            if struck:
                killed[struck] += 1
                while_rows_came += came > before
                before = came
        stand.finish()
        found = Losses.of(stand, undisturbed)
        database = "PostgreSQL" if cluster else "SQLite"
        struck_in_words = ", ".join(f"{name} {count}" for name, count in killed.most_common())
        tell(
            f"kill -9, {database}: {killed.total()} kills ({struck_in_words}), {while_rows_came} after new rows; "
            f"{found}; {len(fleet)} batteries; ended by themselves and started again {stand.revived}; "
            f"{time.monotonic() - begun:.0f} s; seed {seed}"
        )
        assert found.nothing(), vars(found)
