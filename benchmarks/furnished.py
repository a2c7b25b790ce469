"""Databases for benchmarks of reading: one battery with very many rows, and very many batteries. By direct SQL."""

from __future__ import annotations

import struct
import time

ROWS_A_STATEMENT = 1_000_000
LONG = "long"
SECONDS_A_ROW = 1.0
STATES = ["soc", "q_t.base_values", "r0.base_values", "hyst", "v_rc1"]
ESTIMATES = 64  # of each battery on the fleet's first page
PARAMETERS = {"capacity_ah": 2.5, "r0_ohm": 0.03, "ocv_soc": [0.0, 0.5, 1.0], "ocv_voltage": [3.0, 3.7, 4.2]}
COLUMNS = {
    "test_time": "float", "current": "float", "voltage": "float", "temperature": "float", "cycle_number": "integer",
}  # fmt: skip

# One in a hundred rows comes 50,000 s late, a thousand at a time, as from a logger that was cut off. Plain arithmetic,
# so that both databases make the same rows.
LONG_ROWS = """
    INSERT INTO {table} (row_digest, row_late, received, test_time, current, voltage, temperature, cycle_number)
    SELECT i, {late}, 1.7e9 + i, i - CASE WHEN i %% 100000 < 1000 AND i >= 100000 THEN 50000.5 ELSE 0.0 END,
        2.5 * ((i / 1800) %% 3 - 1), 3.2 + 0.8 * (i %% 7200) / 7200.0 + ((i * 7919) %% 1009) / 1e5,
        25.0 + (i %% 86400) / 8640.0, i / 7200
    FROM {numbers}
"""
NUMBERS = {
    "sqlite": (
        "(WITH RECURSIVE n(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s) SELECT i FROM n) AS numbers"
    ),
    "postgresql": "generate_series(%s::bigint, %s::bigint - 1) AS numbers(i)",
}


def furnish(rows: int, batteries: int) -> None:
    """Both, where they are not there yet. With 10 million rows and 10,000 batteries it takes minutes."""
    from django.core.management import call_command

    from datahub.models import Battery

    begun = time.perf_counter()
    call_command("migrate", verbosity=0)
    if not Battery.objects.filter(name=LONG).exists():
        furnish_long(rows)
    if Battery.objects.count() < batteries:
        furnish_fleet(batteries - Battery.objects.count())
    print(f"  {rows:,} rows and {batteries:,} batteries made in {time.perf_counter() - begun:.0f} s", flush=True)


def furnish_long(rows: int) -> None:
    from django.db import connection, transaction

    from datahub import tables
    from datahub.models import Battery

    with transaction.atomic():
        battery = Battery.objects.create(
            name=LONG, columns=COLUMNS, rows=rows, first_test_time=0.0, last_test_time=rows - 1.0,
            last_received=time.time(), interval_seconds=1.0, late_rows=rows // 100,
        )  # fmt: skip
        tables.create(connection, battery.pk, COLUMNS)
        late = "i %% 100000 < 1000 AND i >= 100000"
        statement = LONG_ROWS.format(table=tables.rows_table(battery.pk), late=late, numbers=NUMBERS[connection.vendor])
        with connection.cursor() as cursor:
            for first in range(0, rows, ROWS_A_STATEMENT):
                cursor.execute(statement, [first, min(first + ROWS_A_STATEMENT, rows)])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE {tables.rows_table(battery.pk)}")


def furnish_fleet(batteries: int) -> None:
    """Each with a described cell, a table of rows, a built-in filter and its newest estimate; a few are in trouble."""
    from django.db import connection, transaction

    from datahub import tables
    from datahub.models import Battery
    from twin import tables as twin_tables
    from twin.models import Estimator, EstimatorProgress

    now = time.time()
    with transaction.atomic():
        made = Battery.objects.bulk_create(
            [
                Battery(
                    name=f"cell {number:05d}",
                    metadata={
                        "name": f"cell {number:05d}", "source": "benchmark",
                        "battery": {"nominal_capacity": 2.5, "cathode": {"name": "NMC532"}, "manufacturer": "ROVI"},
                    },
                    columns=COLUMNS, rows=10_000 + number, first_test_time=0.0, last_test_time=1e5 + number,
                    # One in ten is silent, one in fifty late.
                    last_received=now + 86_400.0 - (9e4 if number % 10 == 0 else 8.65e4 if number % 50 == 1 else 0),
                    interval_seconds=1.0,
                )
                for number in range(batteries)
            ],
            batch_size=2000,
        )  # fmt: skip
        estimators = Estimator.objects.bulk_create(
            [
                Estimator(
                    battery=battery, version=1, kind="joint_ukf", is_current=True, followed=True, parameters=PARAMETERS,
                    state="failed" if number % 200 == 7 else "ready",
                    last_error="The filter's numbers broke down." if number % 200 == 7 else "",
                )
                for number, battery in enumerate(made)
            ],
            batch_size=2000,
        )  # fmt: skip
        EstimatorProgress.objects.bulk_create(
            [_progress(number, estimator) for number, estimator in enumerate(estimators)], batch_size=1000
        )
        # Their own tables, for those that a page of the fleet may show: 20,000 of them take longer than all the rest.
        for battery, estimator in [*zip(made, estimators, strict=True)]:
            if has_tables(battery.name, batteries):
                tables.create(connection, battery.pk, COLUMNS)
                twin_tables.create(connection, estimator.pk, STATES)
                twin_tables.insert(connection, estimator.pk, STATES, _estimates())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE datahub_battery, twin_estimator, twin_estimatorprogress")


def has_tables(name: str, batteries: int) -> bool:
    """The first ones, among them fifty silent ones, and the last."""
    number = int(name.split()[1])
    return number < 600 or number >= batteries - 60


def _progress(number: int, estimator: object) -> object:
    from twin.models import EstimatorProgress

    inconsistent = number % 100 == 3
    return EstimatorProgress(
        estimator=estimator, state_names=STATES, latest_time=1e5 + number, cursor=10_000 + number,
        rows_seen=10_000 + number, rows_stepped=9_999 + number, mean=_packed(0.5, 2.4, 0.031, 0.0, 0.01),
        covariance=_covariance(), innovation=0.001, mean_nis=1.02, reference_capacity=2.5,
        is_inconsistent=inconsistent,
        verdict={
            "consistent": not inconsistent, "cause": "ocv" if inconsistent else None, "mean_nis": 1.02,
            "sentence": "Its voltages scatter wider than it expects." if inconsistent else "It agrees with its cell.",
        },
    )  # fmt: skip


def _estimates() -> list[tuple]:
    return [
        (row * 156, float(row), 0.5, 2.5 - 0.001 * row, 0.03, 0.0, 0.01, _covariance(), 3.7, 0.001, 1e-4, 0.0)
        for row in range(1, ESTIMATES + 1)
    ]


def _packed(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def _covariance() -> bytes:
    states = len(STATES)
    return _packed(*(1e-4 if row == column else 1e-6 for row in range(states) for column in range(row, states)))
