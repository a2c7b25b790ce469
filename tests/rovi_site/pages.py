"""Batteries as the tests of pages want them: with rows, estimates that are known, and a truth to compare."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from django.db import connection

from datahub.ingest import store_records
from datahub.models import Battery, Truth
from datahub.registration import register_battery
from twin import tables
from twin.measuring.advancing import advance_measurements
from twin.models import Estimator, EstimatorProgress

STATES = ["soc", "hyst", "q_t.base_values", "r0.base_values"]
SD = np.array([0.01, 0.001, 0.004, 0.0005])


def battery_with_rows(name: str, rows: int = 300, step: float = 10.0, **row: Any) -> Battery:
    battery = register_battery({"name": name, "battery": {"nominal_capacity": 0.8}}, name=name)
    store_records(
        name,
        [
            {"test_time": i * step, "voltage": 3.6 + 0.001 * (i % 50), "current": -0.5, "temperature": 25.0} | row
            for i in range(rows)
        ],
    )
    battery.refresh_from_db()
    return battery


def with_estimates(battery: Battery, capacity: float = 0.76, **changes: Any) -> Estimator:
    """An estimate a row: SOC 0.5, capacity, R0 0.04 ohm, with the deviations in SD."""
    estimator = Estimator.objects.create(battery=battery, version=1, kind="joint_ukf", is_current=True, state="ready")
    tables.create(connection, estimator.pk, STATES)
    mean = np.array([0.5, 0.0, capacity, 0.04])
    packed = np.diag(SD**2)[np.triu_indices(4)].astype("<f8").tobytes()
    step = (battery.last_test_time or 0.0) / max(battery.rows - 1, 1)
    rows = [(i + 1, i * step, *mean.tolist(), packed, 3.6, 0.01, 1e-4, None) for i in range(battery.rows)]
    tables.insert(connection, estimator.pk, STATES, rows)
    progress = {
        "cursor": battery.rows, "rows_seen": battery.rows, "rows_stepped": battery.rows, "state_names": STATES,
        "latest_time": battery.last_test_time, "mean": mean.astype("<f8").tobytes(), "covariance": packed,
        "mean_nis": 1.0, "innovation": 0.01, "reference_capacity": 0.8,
    }  # fmt: skip
    EstimatorProgress.objects.create(estimator=estimator, **progress | changes)
    return estimator


def with_truth(battery: Battery, soc: float, capacity: float, r0: float) -> None:
    Battery.objects.filter(pk=battery.pk).update(is_simulated=True)
    battery.is_simulated = True
    step = (battery.last_test_time or 0.0) / max(battery.rows - 1, 1)
    Truth.objects.bulk_create(
        Truth(battery=battery, test_time=i * step, true_soc=soc, true_capacity=capacity, true_r0=r0)
        for i in range(battery.rows)
    )


def heard(battery: Battery, seconds_ago: float, interval: float = 1.0) -> None:
    Battery.objects.filter(pk=battery.pk).update(last_received=time.time() - seconds_ago, interval_seconds=interval)


def with_measured_cycle(name: str = "cell 1") -> Battery:
    """Of 1 Ah: cycle 1 is charged by 0.8 Ah, rests full, gives 0.8 Ah and is empty; a second one begins.

    Charging ends, and discharging begins and ends, with a step of 1 A that shows 90 mΩ over 1 s.
    """
    battery = register_battery({"name": name, "battery": {"nominal_capacity": 1.0}}, name=name)
    at = [0, 2880, 2881, 2941, 2942, 5821, 5822, 5882]
    current = [1.0, 1.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0]
    voltage = [3.1, 4.28, 4.19, 4.19, 4.1, 2.99, 3.08, 3.08]
    cycle = [1, 1, 1, 1, 1, 1, 1, 2]
    names = ("test_time", "current", "voltage", "cycle_number", "temperature")
    rows = [dict(zip(names, (*row, 25.0), strict=True)) for row in zip(at, current, voltage, cycle, strict=True)]
    store_records(name, rows)
    while advance_measurements():
        continue
    battery.refresh_from_db()
    return battery
