"""A worker frozen past its lease: another takes its shards over, and what it wanted to write when it wakes is refused.

On PostgreSQL alone: SQLite has one writer at a time, and one that freezes while any thread of it writes stops all.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters
from tests.killable import Service
from tests.twin import oracle
from tests.twin.freezing import AMID, BEFORE, COPYING

ROWS, BATTERIES, LEASE_SECONDS = 300, 6, 3.0
STORE = """
from datahub.ingest import store_records
from tests.twin import oracle
from twin.registration import register_estimator
for number in range({batteries}):
    register_estimator(battery_name=str(number), kind="joint_ukf", parameters=oracle.parameters("one_rc"))
    store_records(str(number), oracle.records(last={rows}))
"""
REFUSED = "nothing of it is written"

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


class Filled(Service):
    def preparation(self) -> str:
        return STORE.format(batteries=BATTERIES, rows=ROWS) + super().preparation()


@pytest.fixture
def service(tmp_path, on_postgresql):
    variables = {"ROVI_JOB_LEASE_SECONDS": str(LEASE_SECONDS), "ROVI_ESTIMATION_CHUNK_ROWS": "50"}
    with Filled(tmp_path / "data", "postgresql", **variables) as running:
        yield running


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("place", [BEFORE, AMID, COPYING])
def test_what_a_frozen_worker_writes_after_its_lease_is_refused(service, place):
    frozen = service.start("frozen", "-m", "tests.twin.freezing", place)
    service.wait_until(lambda: is_stopped(frozen.pid))
    assert seen(service) == 0

    service.start_worker("other")
    service.wait_until(lambda: seen(service) == ROWS * BATTERIES)
    assert {fence for (fence,) in service.ask("SELECT fence FROM jobs_shard")} == {2}

    frozen.send_signal(signal.SIGCONT)
    log = service.data / "frozen.log"
    expected = REFUSED if place == BEFORE else "the database does not answer"
    service.wait_until(lambda: expected in log.read_text() and "were taken over" in log.read_text())
    assert frozen.poll() is None
    assert estimates(service) == [undisturbed()] * BATTERIES


def seen(service: Service) -> int:
    return service.ask("SELECT COALESCE(SUM(rows_seen), 0) FROM twin_estimatorprogress")[0][0]


def estimates(service: Service) -> list[str]:
    """Of each estimator, row by row: its means and covariance, to the bit."""
    found = []
    for (estimator,) in service.ask("SELECT estimator_id FROM twin_estimatorprogress ORDER BY 1"):
        rows = service.ask(f"SELECT * FROM estimates_{estimator} ORDER BY row_id")
        states = len(undisturbed_filter()[0][0])
        found.append(json.dumps([[*map(float.hex, row[2 : 2 + states]), bytes(row[2 + states]).hex()] for row in rows]))
    return found


def undisturbed() -> str:
    means, covariances = undisturbed_filter()
    return json.dumps(
        [
            [*map(float.hex, mean.tolist()), np.ascontiguousarray(covariance, dtype="<f8").tobytes().hex()]
            for mean, covariance in zip(means, covariances, strict=True)
        ]
    )


def undisturbed_filter():
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc"))
    columns = [np.array(oracle.cell()[column][:ROWS]) for column in ("test_time", "current", "voltage")]
    alone = FleetFilter([parameters]).advance([FilterRows(*columns)])[0]
    return alone.means[1:], alone.covariances[1:]
