"""Rows stored to estimates committed: the built-in filter as the worker runs it, on a database of its own."""

import os
import tempfile
import time

import numpy as np

from benchmarks.bench import Figure

ROWS_OF_FLEET = {1: 20_000, 100: 400, 1_000: 40, 10_000: 8}
SECONDS_A_ROW = 10.0


def end_to_end(database: str, is_quick: bool = False) -> list[Figure]:
    """A figure for each fleet. `database`: the URL of an empty one; without, SQLite in a folder of its own."""
    with tempfile.TemporaryDirectory() as data:
        os.environ |= {"ROVI_DATA": data, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from django.db import connection

        print(f"\nFrom stored rows to committed estimates, one process, {connection.vendor}.")
        print(f"{'batteries':>10} {'rows each':>10} {'s':>8} {'CPU s':>8} {'µs CPU a step':>14} {'steps/s':>10}")
        fleets = {1: 2_000, 100: 40} if is_quick else ROWS_OF_FLEET
        found = [_one_fleet(batteries, rows) for batteries, rows in fleets.items()]
        connection.close()
        return found


def _one_fleet(batteries: int, rows: int) -> Figure:
    from django.db import connection
    from django.db.models import Sum

    from datahub.ingest.storing import store_columns
    from twin.estimation.fleet import advance_fleet
    from twin.models import EstimatorProgress
    from twin.registration import register_estimator

    names = [f"{batteries} batteries, {number}" for number in range(batteries)]
    for name in names:
        register_estimator(battery_name=name, kind="joint_ukf", preset="nmc")
        store_columns(name, _drive(rows))
    begun, cpu = time.perf_counter(), time.process_time()
    while advance_fleet():
        pass
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    of_fleet = EstimatorProgress.objects.filter(estimator__battery__name__in=names[:1])
    steps = batteries * of_fleet.aggregate(steps=Sum("rows_stepped"))["steps"]
    assert steps == batteries * (rows - 1), "a row was not estimated"  # the first only says which current flows
    print(f"{batteries:>10} {rows:>10} {seconds:>8.1f} {cpu:>8.1f} {cpu / steps * 1e6:>14.1f} {steps / seconds:>10.0f}")
    what = f"stored rows to committed estimates, {batteries:,} batteries, {connection.vendor}"
    return Figure(what, steps / seconds, "steps/s", note=f"{cpu / steps * 1e6:.1f} µs CPU a step")


def _drive(rows: int) -> dict[str, list[float]]:
    seconds = SECONDS_A_ROW * np.arange(rows)
    swing = np.sin(seconds / 400)
    columns = {"test_time": seconds, "current": 1.25 * swing, "voltage": 3.66 + 0.06 * swing}
    return {name: values.tolist() for name, values in columns.items()}
