"""Forecasts of a whole fleet with the built-in kinds, request to result: `python -m benchmarks.fleet_forecast`.

Batteries with five years of estimates and a week of rows each, on SQLite in a folder of its own. Seconds of one
worker's thread.
"""

import argparse
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Figure, alone

DAY = 86_400.0
YEAR = 365.25 * DAY
STATES = ["soc", "q_t.base_values", "r0.base_values"]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batteries", type=int, default=1000)
    parser.add_argument("--estimates", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=2000)


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    batteries = 10 if asked.quick else asked.batteries
    with tempfile.TemporaryDirectory() as folder:
        begin(Path(folder))
        began = time.perf_counter()
        furnish(batteries, asked.estimates, asked.rows)
        print(f"{batteries:,} batteries, each {asked.estimates:,} estimates over 5 years and {asked.rows:,} rows")
        print(f"  made in {time.perf_counter() - began:.0f} s")
        for kind in ("trend", "ageing", "auto"):
            yield forecast(kind, batteries)


def begin(folder: Path) -> None:
    os.environ |= {"ROVI_DATA": str(folder), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def furnish(batteries: int, estimates: int, rows: int) -> None:
    import numpy as np
    from django.db import connection, transaction

    from datahub.ingest import store_records
    from datahub.models import Battery
    from twin import tables
    from twin.models import Estimator, EstimatorProgress

    covariance = struct.pack("<6d", 1e-4, 0.0, 0.0, 1e-5, 0.0, 1e-6)
    times = np.linspace(0.0, 5 * YEAR, estimates)
    days = 5 * YEAR - 7 * DAY + np.linspace(0.0, 7 * DAY, rows)
    for number in range(batteries):
        chance = np.random.default_rng(number)
        rate = chance.uniform(0.01, 0.05)
        soh = 1 - rate * np.sqrt(times / YEAR) + chance.normal(0, 0.002, estimates)
        metadata = {"name": f"cell {number}", "battery": {"nominal_capacity": 2.5, "cathode": {"name": "NMC532"}}}
        battery = Battery.objects.create(name=metadata["name"], metadata=metadata)
        current = np.sin(2 * np.pi * days / DAY) * 0.6
        store_records(
            battery.name,
            [
                {"test_time": t, "current": a, "voltage": 3.7, "temperature": 22.0}
                for t, a in zip(days.tolist(), current.tolist(), strict=True)
            ],
        )
        with transaction.atomic():
            estimator = Estimator.objects.create(
                battery=battery, version=1, kind="joint_ukf", is_current=True, state="ready"
            )
            EstimatorProgress.objects.create(
                estimator=estimator, state_names=STATES, latest_time=float(times[-1]), rows_seen=estimates,
                cursor=estimates, rows_stepped=estimates,
            )  # fmt: skip
            tables.create(connection, estimator.pk, STATES)
            columns = zip(times.tolist(), (2.5 * soh).tolist(), strict=True)
            tables.insert(
                connection, estimator.pk, STATES,
                [(k, t, 0.5, q, 0.04, covariance, 3.7, 0.0, 1e-4, 0.0) for k, (t, q) in enumerate(columns, start=1)],
            )  # fmt: skip


def forecast(kind: str, batteries: int) -> Figure:
    """Ten years ahead in steps of a month, as one request and one job."""
    from django.utils import timezone

    from jobs.models import Worker
    from jobs.running.claim import claim_next_job
    from jobs.running.run import run_job
    from prognosis.forecasting.groups import Chosen, GroupAsk, request_fleet
    from prognosis.forecasting.load import load_from
    from prognosis.forecasting.runs import Way
    from prognosis.queries import count_of_runs

    worker = Worker.objects.create(name=f"benchmark {kind}", heartbeat=timezone.now())
    began, cpu = time.perf_counter(), time.process_time()
    load = load_from({"ahead_time": 10 * YEAR, "resolution": 30 * DAY})
    fleet = request_fleet(Chosen(), load, GroupAsk(way=Way(kind=kind)))
    asked = time.perf_counter() - began
    job = claim_next_job(worker)
    assert job is not None
    run_job(job)
    job.refresh_from_db()
    assert job.state == "done", job.error
    counts = count_of_runs(fleet)
    assert counts["done"] == batteries, counts
    return Figure(
        f"forecasts ten years ahead of {batteries:,} batteries, {kind}", time.perf_counter() - began, "s",
        most=60 if batteries == 1000 else None,
        note=f"asked in {asked:.1f} s; {time.process_time() - cpu:.1f} s CPU",
    )  # fmt: skip


if __name__ == "__main__":
    alone(__doc__, figures, options)
