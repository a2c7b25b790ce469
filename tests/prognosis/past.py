"""Batteries with a past of years: estimates whose capacity falls along a line that a test chooses, and rows."""

import struct

from django.db import connection

import datahub.tables
from datahub.ingest import store_records
from datahub.models import Battery
from twin import tables
from twin.models import Estimator, EstimatorProgress

STATES = ["soc", "q_t.base_values", "r0.base_values"]
DAY = 86_400.0
YEAR = 365.25 * DAY
CAPACITY_SD = 0.002  # Ah
MADE = []  # ids of batteries and estimators; a rollback, or a flush, leaves tables of a test where they are


def drop_tables():
    for battery_id, estimator_id in MADE:
        tables.drop(connection, estimator_id)
        datahub.tables.drop(connection, battery_id)
    MADE.clear()


def battery_with_past(name="cell", *, loss_a_year=0.04, years=2.0, first=0.0, capacity=1.0, every=10 * DAY, rows=True):
    """SOH 1 when new, then less by `loss_a_year` each year; an estimate each `every` s, and two days of rows."""
    metadata = {"name": name, "battery": {"nominal_capacity": capacity, "cathode": {"name": "NMC532"}}}
    battery, _ = Battery.objects.get_or_create(name=name, defaults={"metadata": metadata})
    estimator = Estimator.objects.create(
        battery=battery, version=battery.estimators.count() + 1, kind="joint_ukf", is_current=True, state="ready"
    )
    EstimatorProgress.objects.create(estimator=estimator, state_names=STATES, latest_time=first)
    tables.create(connection, estimator.pk, STATES)
    MADE.append((battery.pk, estimator.pk))
    add_estimates(estimator, first, first + years * YEAR, loss_a_year=loss_a_year, capacity=capacity, every=every)
    if rows:
        end = first + years * YEAR
        day = [{"test_time": end - 2 * DAY + 3600.0 * h, "current": 0.1 if h % 24 < 12 else -0.1, "temperature": 20.0}
               for h in range(49)]  # fmt: skip
        store_records(name, day)
        battery.refresh_from_db()
    return battery, estimator


def add_estimates(estimator, start, end, *, loss_a_year=0.04, capacity=1.0, every=10 * DAY):
    """Goes on with estimates from `start` to `end`, s, along the same line."""
    covariance = struct.pack("<6d", 1e-4, 0.0, 0.0, CAPACITY_SD**2, 0.0, 1e-6)
    times = [start + every * k for k in range(int((end - start) / every) + 1)]
    first = EstimatorProgress.objects.get(pk=estimator.pk).rows_seen
    rows = [
        (first + k, t, 0.5, capacity * (1 - loss_a_year * t / YEAR), 0.04, covariance, 3.7, 0.001, 1e-4, 0.0)
        for k, t in enumerate(times, start=1)
    ]
    tables.insert(connection, estimator.pk, STATES, rows)
    EstimatorProgress.objects.filter(pk=estimator.pk).update(
        latest_time=times[-1], rows_seen=first + len(rows), cursor=first + len(rows), rows_stepped=first + len(rows)
    )
