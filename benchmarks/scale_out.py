"""Two web servers and two workers against one of each on one PostgreSQL: rows taken and estimated, and what each costs.

Sockets send as fast as they are acknowledged, each to a battery of its own with a built-in filter; then it is waited
until all rows are estimated. CPU is accounted for each process, for the database server has its cores to itself
elsewhere and shares them with everything here. So beside the rows a second of this machine stands what it would be
where no process waits for a core: as many processes as there are, over the CPU that a row costs each kind of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Figure, alone, cpu_seconds
from benchmarks.load import Outcome, run_load
from tests import services
from tests.killable import Service
from tests.servers import free_port

SIZES = (1, 2)
ROWS_A_FRAME, WINDOW = 25, 16
ENOUGH = 1.6  # times one of each
SECONDS_TO_ESTIMATE = 900.0
REGISTER = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from twin.registration import register_estimator
for number in range({batteries}):
    register_estimator(battery_name=f"cell {{number}}", kind="joint_ukf", preset="nmc")
"""


class Sized(Service):
    """So many web servers and workers, with batteries and their filters."""

    def __init__(self, data: Path, server_url: str, size: int, batteries: int) -> None:
        redis = services.redis_url() if services.redis_answers() else ""
        super().__init__(data, "postgresql", server_url, REDIS_URL=redis, ROVI_LOG_LEVEL="WARNING")
        self.ports = [self.port, *(free_port() for _ in range(size - 1))]
        self.batteries = batteries

    def preparation(self) -> str:
        return REGISTER.format(batteries=self.batteries) + super().preparation()

    def begin(self) -> None:
        for number, port in enumerate(self.ports):
            self.start_web(f"web {number}", port)
            self.start_worker(f"worker {number}")
        self.wait_until(lambda: len(self.ask("SELECT 1 FROM jobs_shard WHERE owner <> '' GROUP BY owner")) == self.size)

    @property
    def size(self) -> int:
        return len(self.ports)

    def behind(self) -> int:
        stored = self.ask("SELECT COALESCE(SUM(rows), 0) FROM datahub_battery")[0][0]
        return stored - self.ask("SELECT COALESCE(SUM(rows_seen), 0) FROM twin_estimatorprogress")[0][0]

    def cpu(self) -> dict[str, float]:
        """Seconds so far of web servers, workers (with their children) and the database's processes for them."""
        spent = {"web": 0.0, "worker": 0.0, "database": 0.0}
        for name, process in self.processes.items():
            spent[name.split()[0]] += cpu_seconds(process.pid)
        backends = self.ask(f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.database}'")
        spent["database"] = sum(cpu_seconds(pid) for (pid,) in backends if pid != os.getpid())
        return spent


@dataclass
class Measured:
    """Of one size: rows and seconds, and CPU seconds by kind of process."""

    size: int
    rows: int
    seconds_taking: float
    seconds_all: float
    cpu: dict[str, float] = field(default_factory=dict)

    def capacity(self, kind: str) -> float:
        """Rows a second of these processes where each has a core."""
        return self.size * self.rows / self.cpu[kind]

    def microseconds_a_row(self, kind: str) -> float:
        return self.cpu[kind] / self.rows * 1e6


def measured(server_url: str, size: int, batteries: int, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as folder, Sized(Path(folder) / "data", server_url, size, batteries) as sized:
        sized.begin()
        before, begun = sized.cpu(), time.perf_counter()
        outcomes = asyncio.run(send(sized, seconds))
        troubles = [trouble for outcome in outcomes for trouble in outcome.troubles]
        assert not troubles, troubles[:3]
        rows = sum(outcome.acknowledged for outcome in outcomes)
        taking = max(outcome.seconds for outcome in outcomes)
        sized.wait_until(lambda: sized.behind() == 0, SECONDS_TO_ESTIMATE)
        all_of_it = time.perf_counter() - begun
        after = sized.cpu()
    return Measured(size, rows, taking, all_of_it, {kind: after[kind] - before[kind] for kind in after})


async def send(sized: Sized, seconds: float) -> list[Outcome]:
    paths = [f"/db/upload/cell%20{number}?ack=1" for number in range(sized.batteries)]
    loads = [
        run_load(port, paths[place :: sized.size], f"Bearer {sized.token}", ROWS_A_FRAME, WINDOW, seconds)
        for place, port in enumerate(sized.ports)
    ]
    return await asyncio.gather(*loads)


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    if not asked.postgres:
        print("No PostgreSQL answers, and SQLite has one writer at a time: nothing is measured.")
        return
    seconds, batteries = (3.0, 8) if asked.quick else (asked.seconds, asked.batteries)
    one, two = (measured(asked.postgres, size, batteries, seconds) for size in SIZES)
    for each in (one, two):
        told = ", ".join(f"{kind} {each.microseconds_a_row(kind):.1f}" for kind in each.cpu)
        print(f"{each.size} of each: {each.rows:,} rows; µs of CPU a row: {told}", flush=True)
    cores = f"{os.cpu_count()} cores for all, the database and the client too"
    yield Figure(
        "rows taken, two web servers and two workers, on this machine",
        two.rows / two.seconds_taking, "rows/s", one.rows / one.seconds_taking, "one of each", note=cores,
    )  # fmt: skip
    yield Figure(
        "rows taken and estimated, on this machine",
        two.rows / two.seconds_all, "rows/s", one.rows / one.seconds_all, "one of each", note=cores,
    )  # fmt: skip
    for kind, what in (("web", "rows taken"), ("worker", "rows estimated")):
        yield Figure(
            f"{what}, two {kind} processes with a core each, by their CPU",
            two.capacity(kind), "rows/s", one.capacity(kind), "one process", least_share=ENOUGH,
        )  # fmt: skip
    yield Figure(
        "CPU of the database a row, with two of each",
        two.microseconds_a_row("database"), "µs", one.microseconds_a_row("database"), "one of each",
    )  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="of sending")
    parser.add_argument("--batteries", type=int, default=40)


if __name__ == "__main__":
    alone(__doc__, figures, options)
