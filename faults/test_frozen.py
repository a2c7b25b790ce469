"""One of two workers is frozen (SIGSTOP) past its lease, as a machine that is paused would be, and goes on later."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.disturbed import Losses, Stand, batteries

ROWS = 12_000
ROWS_A_SECOND = 20.0
FREEZES = 4
SECONDS_A_CALL = 1  # of a script
LONGEST_SECONDS = 100.0

pytestmark = pytest.mark.timeout(3600)


def test_a_frozen_worker_is_replaced_and_what_it_wakes_with_is_not_written(cluster, tmp_path, tell, seed):
    fleet = batteries(3, 1)
    chance = random.Random(seed)
    with (
        Stand(tmp_path / "undisturbed", cluster, fleet=fleet, rows=ROWS) as undisturbed,
        Stand(
            tmp_path / "frozen", cluster, fleet=fleet, rows=ROWS, workers=2, seed=seed,
            ROVI_SCRIPT_CALL_SECONDS=str(SECONDS_A_CALL), ROVI_JOB_LEASE_SECONDS="6",
        ) as stand,
    ):  # fmt: skip
        undisturbed.begin()
        undisturbed.finish()
        undisturbed.kill_all()
        stand.begin(ROWS_A_SECOND)
        stand.wait_for_rows(500)
        replaced, held = [], 0
        for number in range(FREEZES):
            stand.wait(chance.uniform(1, 4))
            frozen = stand.processes[stand.workers[number % 2]]
            os.kill(frozen.pid, signal.SIGSTOP)
            seconds = seconds_until_replaced(stand)
            replaced += [seconds] if seconds is not None else []
            held += seconds is None
            os.kill(frozen.pid, signal.SIGCONT)
        stand.finish()
        refused = sum(file.read_text().count("was taken over") for file in stand.log_folder.glob("worker-*.log"))
        found = Losses.of(stand, undisturbed)
        tell(
            f"a worker frozen {FREEZES} times, {stand.vendor}: another had its rows after "
            f"{', '.join(f'{each:.0f}' for each in replaced) or '-'} s; {held} times it froze with the database's lock "
            f"in hand, and all waited for it; commits refused afterwards {refused}; {found}; "
            f"processes started again {stand.revived}; seed {seed}"
        )
        assert found.nothing(), vars(found)
        assert not held or stand.vendor == "sqlite"


def seconds_until_replaced(stand: Stand) -> float | None:
    """Until every battery's estimator has seen what is stored now. None: nobody could write before the thaw."""
    begun = time.monotonic()
    stored = dict(stand.ask("SELECT id, rows FROM datahub_battery"))
    behind = (
        "SELECT e.battery_id, p.rows_seen FROM twin_estimatorprogress p JOIN twin_estimator e ON e.id = p.estimator_id"
    )
    while any(seen < stored[battery] for battery, seen in stand.ask(behind)):
        if time.monotonic() > begun + LONGEST_SECONDS:
            assert stand.stored() == sum(stored.values()), "rows come, and nobody estimates them"
            return None
        stand.wait(0.2)
    return time.monotonic() - begun
