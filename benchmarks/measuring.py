"""Speed of measuring, from stored rows to committed numbers: `python -m benchmarks.measuring`. CPU time of one thread.

In a database of its own. First all batteries get their rows at once, then a few more each, as a live fleet sends them.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import django

from benchmarks.bench import Figure, alone

LIVE_ROUNDS = 2


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batteries", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=120, help="of each battery's past")
    parser.add_argument("--live-rows", type=int, default=30, help="of each battery between two rounds")


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ROVI_DATA": folder, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{Path(folder) / 'rovi.sqlite3'}")
        os.environ["ROVI_MEASURING_PAUSE_SECONDS"] = "0"
        django.setup()
        yield from run(20 if asked.quick else asked.batteries, asked.rows, asked.live_rows)


def run(batteries: int, past: int, live: int) -> Iterator[Figure]:
    from django.core.management import call_command
    from django.db import connection

    from datahub.registration import register_battery
    from twin.measuring.advancing import advance_measurements
    from twin.measuring.work import with_work

    call_command("migrate", verbosity=0)
    names = [f"cell {number}" for number in range(batteries)]
    for name in names:
        register_battery({"name": name, "battery": {"nominal_capacity": 2.5}})
    done = 0
    for what, rows in (("past", past), *[("live", live)] * LIVE_ROUNDS):
        send(names, done, rows)
        done += rows
        begun = time.process_time()
        while advance_measurements():
            continue
        spent = time.process_time() - begun
        yield Figure(
            f"measuring {rows} rows each of {batteries:,} batteries, {what}", 1e6 * spent / (rows * batteries),
            "µs CPU a row", note=connection.vendor,
        )  # fmt: skip
    begun = time.process_time()
    with_work(1000)
    yield Figure("measuring: a look for work when there is none", 1e3 * (time.process_time() - begun), "ms CPU")


def send(names: list[str], begin: int, rows: int) -> None:
    from datahub.ingest import store_records

    for name in names:
        records = [
            {"test_time": float(t), "current": -2.5 if t // 40 % 2 else 2.5, "voltage": 3.6, "temperature": 25.0}
            for t in range(begin, begin + rows)
        ]
        store_records(name, records)


if __name__ == "__main__":
    alone(__doc__, figures, options)
