"""Rows stored to estimates committed: the built-in filter as the worker runs it, on a database of its own."""

import os
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.bench import Figure

ROWS_OF_FLEET = {1: 20_000, 100: 400, 1_000: 40, 10_000: 8}
SECONDS_A_ROW = 10.0
COPIES_A_TRANSACTION = 500  # PostgreSQL holds a lock for each new table until the end


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

    from twin.estimation.fleet import advance_fleet
    from twin.models import EstimatorProgress

    begun = time.perf_counter()
    _make(batteries, rows)
    made = time.perf_counter() - begun
    begun, cpu = time.perf_counter(), time.process_time()
    while advance_fleet():
        pass
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    of_fleet = EstimatorProgress.objects.filter(estimator__battery__name__startswith=f"{batteries} batteries, ")
    steps = of_fleet.aggregate(steps=Sum("rows_stepped"))["steps"]
    assert steps == batteries * (rows - 1), "a row was not estimated"  # the first only says which current flows
    numbers = f"{seconds:>8.1f} {cpu:>8.1f} {cpu / steps * 1e6:>14.1f} {steps / seconds:>10.0f}"
    print(f"{batteries:>10} {rows:>10} {numbers}   (made in {made:.0f} s)", flush=True)
    what = f"stored rows to committed estimates, {batteries:,} batteries, {connection.vendor}"
    return Figure(what, steps / seconds, "steps/s", note=f"{cpu / steps * 1e6:.1f} µs CPU a step")


def _make(batteries: int, rows: int) -> None:
    """The first battery by the verbs that everybody uses, the others as its copies, many in a statement."""
    from django.db import connection, transaction

    from datahub import tables
    from datahub.ingest.storing import store_columns
    from datahub.models import Battery
    from twin import tables as twin_tables
    from twin.models import Checkpoint, Estimator, EstimatorProgress
    from twin.registration import register_estimator

    first = f"{batteries} batteries, 0"
    estimator = register_estimator(battery_name=first, kind="joint_ukf", preset="nmc")
    store_columns(first, _drive(rows))
    pattern = Battery.objects.get(name=first)
    columns = ", ".join(map(tables.quoted, ("row_digest", "row_late", "received", *pattern.columns)))
    for begin in range(1, batteries, COPIES_A_TRANSACTION):
        with transaction.atomic(), connection.cursor() as cursor:
            numbers = range(begin, min(begin + COPIES_A_TRANSACTION, batteries))
            made = Battery.objects.bulk_create(
                [_copy(pattern, name=f"{batteries} batteries, {number}") for number in numbers]
            )
            estimators = Estimator.objects.bulk_create([_copy(estimator, battery=battery) for battery in made])
            for model in (EstimatorProgress, Checkpoint):
                of_first = model.objects.get(estimator=estimator)
                model.objects.bulk_create([_copy(of_first, estimator=each) for each in estimators])
            for battery, each in zip(made, estimators, strict=True):
                tables.create(connection, battery.pk, pattern.columns)
                twin_tables.create(connection, each.pk, estimator.progress.state_names)
                source, target = (tables.quoted(tables.rows_table(key)) for key in (pattern.pk, battery.pk))
                cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source} ORDER BY row_id")


def _copy(record: Any, **changes: Any) -> Any:
    """A record of the same values that is not stored yet."""
    fields = [field for field in record._meta.concrete_fields if not field.unique and field.name not in changes]
    return type(record)(**{field.attname: getattr(record, field.attname) for field in fields}, **changes)


def _drive(rows: int) -> dict[str, list[float]]:
    seconds = SECONDS_A_ROW * np.arange(rows)
    swing = np.sin(seconds / 400)
    columns = {"test_time": seconds, "current": 1.25 * swing, "voltage": 3.66 + 0.06 * swing}
    return {name: values.tolist() for name, values in columns.items()}
