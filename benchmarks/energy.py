"""A day of many assets at one-minute readings through the ledger, who used most, and a forecast of all of them:
`python -m benchmarks.energy`.

The floor stores the same readings in the same order into a table of the same shape, with plain `executemany`, or COPY
on PostgreSQL, and resamples them by pandas: what one writes who wants no upsert, no late readings and no sums.
Ours and the floor take turns, portion by portion, so that a busy machine slows both.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import django
import numpy as np

from benchmarks.bench import Figure, alone, apart, databases

MINUTES = 1440
ASSETS_A_PORTION = 250
BEGIN = 1_704_067_200  # 2024-01-01
DAY = 86_400
MICROSECONDS = 1_000_000
GOAL = 1.5  # times the floor
TOP_GOAL_MS = 300.0
FORECAST_GOAL_S = 60.0
WEEKS_BEFORE = 4  # a forecast looks no further back
ROUNDS = 7


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=int, default=10_000, help="whose day goes through the ledger")
    parser.add_argument("--top-assets", type=int, default=10_000, help="of which top users are asked")


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    assets, of_top = (500, 500) if asked.quick else (asked.assets, asked.top_assets)
    for vendor, url in databases(asked):
        yield from apart(run, vendor, url, assets, of_top)


def run(vendor: str, url: str, assets: int, of_top: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ROVI_DATA": folder, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
        os.environ["DATABASE_URL"] = url or f"sqlite:///{Path(folder) / 'rovi.sqlite3'}"
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return [*a_day(vendor, assets), *through_http(vendor), *top(vendor, of_top), *foretold(vendor)]


def portions(assets: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Numbers, times (µs) and kW of some assets each."""
    rng = np.random.default_rng(1)
    times = (BEGIN + 60 * np.arange(MINUTES)) * MICROSECONDS
    for first in range(0, assets, ASSETS_A_PORTION):
        some = np.arange(first, min(assets, first + ASSETS_A_PORTION)) + 1
        yield np.repeat(some, MINUTES), np.tile(times, len(some)), rng.random(len(some) * MINUTES) * 10


def a_day(vendor: str, assets: int) -> list[Figure]:
    from django.db import connection

    from fleet.accounting.batches import Batch, store_batch
    from fleet.models import Quarter

    with connection.cursor() as cursor:
        key = "PRIMARY KEY (asset_id, time)" + (") WITHOUT ROWID" if vendor == "SQLite" else ")")
        cursor.execute(
            "CREATE TABLE floor_reading (asset_id BIGINT NOT NULL, time BIGINT NOT NULL, value DOUBLE PRECISION, "
            f"is_energy BOOLEAN NOT NULL, interval BIGINT, step BIGINT, {key}"
        )
    ours = storing = resampling = 0.0
    quarters = readings = 0
    for number, times, value in portions(assets):
        begun = time.perf_counter()
        quarters += store_batch(Batch(number, times, value, np.zeros(len(number), bool))).quarters
        stored = time.perf_counter()
        plainly_stored(number, times, value)
        between = time.perf_counter()
        resampled(number, times, value)
        ours += stored - begun
        storing += between - stored
        resampling += time.perf_counter() - between
        readings += len(number)
    assert quarters == Quarter.objects.count() == assets * 96
    note = (
        f"{readings:,} readings, {quarters:,} quarters; floor {storing:.0f} s and {resampling:.0f} s, ours {ours:.0f} s"
    )
    plain = "executemany" if vendor == "SQLite" else "COPY"
    return [
        Figure(
            f"a day of {assets:,} assets by minutes through the ledger, {vendor}", readings / ours, "readings/s",
            readings / (storing + resampling), f"{plain} and a pandas resample", least_share=1 / GOAL, note=note,
        )
    ]  # fmt: skip


def plainly_stored(number: np.ndarray, times: np.ndarray, value: np.ndarray) -> None:
    from django.db import connection, transaction

    step = 60 * MICROSECONDS
    rows = [
        (a, t, v, False, None, step) for a, t, v in zip(number.tolist(), times.tolist(), value.tolist(), strict=True)
    ]
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor, cursor.copy("COPY floor_reading FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "int8", "float8", "bool", "int8", "int8"])
                for row in rows:
                    copy.write_row(row)
        else:
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO floor_reading VALUES (%s, %s, %s, %s, %s, %s)", rows)


def resampled(number: np.ndarray, times: np.ndarray, value: np.ndarray) -> None:
    import pandas as pd

    frame = pd.DataFrame({"asset": number, "kw": value}, index=pd.to_datetime(times, unit="us"))
    energy = frame.groupby("asset")["kw"].resample("15min").mean() * 0.25
    assert len(energy) == len(number) // 15


def through_http(vendor: str) -> list[Figure]:
    """A Parquet body of another day of some assets: read, checked, stored, accounted for."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from django.conf import settings
    from django.contrib.auth.models import User
    from rest_framework.test import APIClient

    settings.ALLOWED_HOSTS.append("testserver")
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("bench"))
    number, times, value = next(portions(ASSETS_A_PORTION))
    when = pa.array(times + DAY * MICROSECONDS).cast(pa.timestamp("us", "UTC"))
    file = io.BytesIO()
    pq.write_table(pa.table({"spaceship_id": number, "datetime": when, "value": value}), file)
    begun = time.perf_counter()
    answer = client.generic(
        "POST", "/api/v1/energy/batches/?units=kW", file.getvalue(), content_type="application/vnd.apache.parquet"
    )
    spent = time.perf_counter() - begun
    assert answer.status_code == 201, answer.content
    what = f"the next day of {ASSETS_A_PORTION} of them in one Parquet body, {vendor}"
    return [Figure(what, len(number) / spent, "readings/s", note="in process, no network")]


def top(vendor: str, assets: int) -> list[Figure]:
    """Over a year whose sums by day and month are put there; quarters of two days stand for its edges."""
    from django.db import connection

    from fleet.models import Asset
    from fleet.queries import top_users
    from fleet.tables import MONTH_OF

    month = MONTH_OF[connection.vendor]
    days = "generate_series(0, 365) AS day(n)"
    if connection.vendor == "sqlite":
        counted = "WITH RECURSIVE d(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM d WHERE n < 365) SELECT n FROM d"
        days = f"({counted}) AS day"
    there = Asset.objects.count()
    Asset.objects.bulk_create([Asset(number=number + 1) for number in range(there, assets)], batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM fleet_energyday")
        cursor.execute("DELETE FROM fleet_energymonth")
        cursor.execute(
            f"INSERT INTO fleet_energyday (asset_id, start, energy, charged, covered) "
            f"SELECT id, {BEGIN} + day.n * {DAY}, (id * 7919 + day.n * 104729) % 1000 / 10.0, 0, {DAY * MICROSECONDS} "
            f"FROM fleet_asset, {days}"
        )
        cursor.execute(
            "INSERT INTO fleet_energymonth (asset_id, start, energy, charged, covered) "
            f"SELECT asset_id, {month}, SUM(energy), 0, SUM(covered) FROM fleet_energyday GROUP BY 1, 2"
        )
        cursor.execute("ANALYZE")
    found = []
    year = (BEGIN * MICROSECONDS, (BEGIN + 366 * DAY) * MICROSECONDS)
    odd = ((BEGIN + 20 * 3600) * MICROSECONDS, (BEGIN + 350 * DAY + 5 * 3600) * MICROSECONDS)
    for what, window in (("a year", year), ("all that is stored", (None, None)), ("350 days between odd hours", odd)):
        spent = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            users = top_users(10, *window).users
            spent.append(time.perf_counter() - begun)
        assert len(users) == 10
        found.append(
            Figure(
                f"top users of {assets:,} assets, {what}, {vendor}", 1e3 * statistics.median(spent), "ms",
                most=TOP_GOAL_MS,
            )
        )  # fmt: skip
    return found


def foretold(vendor: str) -> list[Figure]:
    """The job that foretells the next day of each asset and of their sum, from reading the ledger to the last commit.

    Quarters are put there: a wave of the day, less on two days of the week, and what varies from asset to asset.
    """
    from django.db import connection, transaction
    from django.utils import timezone

    from fleet.forecasting.asking import Asked, request_forecasts
    from fleet.models import Asset, EnergyForecast
    from jobs.models import State, Worker
    from jobs.running.claim import claim_next_job
    from jobs.running.run import run_job

    quarters, first, end = 96 * 7 * WEEKS_BEFORE, BEGIN - WEEKS_BEFORE * 7 * DAY, BEGIN
    span = f"generate_series(0, {quarters - 1}) AS quarter(n)"
    if connection.vendor == "sqlite":
        counted = f"VALUES (0) UNION ALL SELECT n + 1 FROM q WHERE n < {quarters - 1}"
        span = f"(WITH RECURSIVE q(n) AS ({counted}) SELECT n FROM q) AS quarter"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM fleet_quarter")
        cursor.execute(
            "INSERT INTO fleet_quarter (asset_id, start, energy, charged, covered) "
            f"SELECT id, {first} + n * 900, (1 + id % 7) * (1.2 + SIN(n * {2 * np.pi / 96:.15g})) "
            "* (CASE WHEN n / 96 % 7 < 5 THEN 1.0 ELSE 0.6 END) + (id * 7919 + n * 104729) % 1000 / 5000.0, 0, "
            f"900000000 FROM fleet_asset, {span}"
        )
        Asset.objects.update(first_time=first * MICROSECONDS, last_time=end * MICROSECONDS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    worker = Worker.objects.create(name="of a benchmark", heartbeat=timezone.now())
    found = []
    for model in ("seasonal", "auto"):
        request_forecasts(Asked(model=model, start=end), None)
        job = claim_next_job(worker)
        begun = time.perf_counter()
        run_job(job)
        spent = time.perf_counter() - begun
        job.refresh_from_db()
        assert job.state == State.DONE, job.error
        made = EnergyForecast.objects.filter(asset__isnull=False, start=end).count()
        EnergyForecast.objects.all().delete()
        what = f"a day ahead of {made:,} assets and of their sum from {quarters:,} quarters each, {model}, {vendor}"
        found.append(Figure(what, spent, "s", most=FORECAST_GOAL_S))
    return found


if __name__ == "__main__":
    alone(__doc__, figures, options)
