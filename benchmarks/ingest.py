"""Rows into the upload socket: `python -m benchmarks.ingest`, beside a bare WebSocket server in the same run.

For each database, server, number of sockets and rows a frame: rows a second at full speed, then the time from frame to
acknowledgement at half of that speed. The servers of a case run side by side and are measured in turn, so that a case's
figures come from the same half minute; each is a process of its own with a folder of its own, which is removed. Then
the same with a filter for each battery, and with ten pages watching beside it. Parts: `--databases`, `--servers`,
`--sockets`, `--rows`, `--no-company`.

The load client shares the machine with the servers, and with few cores so do the worker and PostgreSQL. Loss is checked
twice: every row sent must be acknowledged, and /db/stats must count as many.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.bench import Figure, alone, apart, cpu_seconds, postgres_database
from benchmarks.load import Outcome, run_load
from benchmarks.watchers import watching

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "benchmark", secrets.token_urlsafe(12)
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SOCKETS, ROWS = (1, 10, 100, 1000), (1, 100)  # rows a frame
PAGES = 10
ROWS_STORED_PLAINLY = 200_000
COST_OF_ESTIMATION = 0.15  # the most that estimation may take from ingest where a core is free for it


@dataclass(frozen=True)
class Case:
    sockets: int
    records: int  # rows a frame

    @property
    def window(self) -> int:
        """Frames a socket has under way; together they hold what a few commits do."""
        frames = 2560 if self.records == 1 else 160
        return max(1, min(256 if self.records == 1 else 16, frames // self.sockets))

    @property
    def least_share(self) -> float | None:
        """The goals of docs/performance.md."""
        if self.records == 1:
            return 0.6 if self.sockets in (10, 100) else None
        return 0.4

    def __str__(self) -> str:
        return (
            f"{self.sockets:,} socket{'s' * (self.sockets > 1)}, {self.records} row{'s' * (self.records > 1)} a frame"
        )


@dataclass(frozen=True)
class Server:
    """One that runs: `kind` is floor, daphne or uvicorn."""

    kind: str
    port: int
    pid: int


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--databases", nargs="+", default=["SQLite", "PostgreSQL"], choices=["SQLite", "PostgreSQL"])
    parser.add_argument("--servers", nargs="+", default=["daphne", "uvicorn"], choices=["daphne", "uvicorn"])
    parser.add_argument("--sockets", nargs="+", type=int, default=SOCKETS)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="a frame")
    parser.add_argument("--no-company", action="store_true", help="without estimators and pages")


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    seconds = asked.seconds
    cases = [Case(sockets, records) for records in asked.rows for sockets in asked.sockets]
    if asked.quick:
        seconds, cases = 1.0, [case for case in cases if case.sockets in (1, 10)]
    lost = 0
    for vendor in asked.databases:
        server = asked.postgres if vendor == "PostgreSQL" else ""
        if vendor == "PostgreSQL" and not server:
            continue
        with ExitStack() as stack:
            servers = [stack.enter_context(running(kind, server)) for kind in ["floor", *asked.servers]]
            floor = None
            for case in cases:
                floor, *ours = [Measured.of(server, case, seconds) for server in servers]
                for one in ours:
                    lost += one.lost
                    yield one.beside(floor, vendor)
        if floor is not None:
            yield from apart(stored_plainly, vendor, server, floor.full.rows_a_second, f"bare server, {floor.case}")
        if not asked.no_company:
            for kind in asked.servers:
                yield from in_company(vendor, server, kind, 1.0 if asked.quick else 2 * seconds)
    if lost:
        raise SystemExit(f"{lost} rows were lost, or a socket broke.")


# --- one case ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Measured:
    """`lost` rows were sent and are not both acknowledged and stored; `cpu` is the server's at full speed, µs a row."""

    server: Server
    case: Case
    full: Outcome
    cpu: float
    half: Outcome
    lost: int

    @classmethod
    def of(cls, server: Server, case: Case, seconds: float) -> Measured:
        full, cpu, lost = measured(server, case, "full", seconds)
        half, _, lost_too = measured(server, case, "half", seconds, full.rows_a_second / 2)
        return cls(server, case, full, cpu, half, lost + lost_too)

    def beside(self, floor: Measured, vendor: str) -> Figure:
        troubles = [*self.full.troubles, *self.half.troubles][:1]
        p50, p99, p50_of_floor, p99_of_floor = (
            f"{1000 * run.latency(share):.1f} ms" for run in (self.half, floor.half) for share in (0.5, 0.99)
        )
        notes = [
            f"at half load p50 {p50}, p99 {p99}; floor's {p50_of_floor}, {p99_of_floor}",
            f"{self.cpu:.1f} µs of the server's CPU a row, floor's {floor.cpu:.1f}",
            f"first rows of all {1000 * self.full.first_seconds:.0f} ms",
        ]
        return Figure(
            f"{vendor}, {self.server.kind}, {self.case}", self.full.rows_a_second, "rows/s",
            floor.full.rows_a_second, "bare server", self.case.least_share,
            note="; ".join([*notes, *troubles, *([f"{self.lost} rows lost"] if self.lost else [])]),
        )  # fmt: skip


def measured(
    server: Server, case: Case, run: str, seconds: float, rows_a_second: float | None = None
) -> tuple[Outcome, float, int]:
    """What came of it, the server's CPU in µs a row (that of opening the sockets left out), and rows lost."""
    names = [battery_name(case, run, number) for number in range(case.sockets)]
    paths = [f"/db/upload/{quote(name)}?ack=1" for name in names]
    loaded = run_load(
        server.port, paths, AUTHORIZATION, case.records, case.window, seconds, rows_a_second,
        meter=lambda: cpu_seconds(server.pid),
    )  # fmt: skip
    outcome = asyncio.run(loaded)
    cpu = 1e6 * outcome.metered / max(1, outcome.timed)
    kept = outcome.acknowledged
    if server.kind != "floor":
        stats = read(server.port, "/db/stats")
        there = [stats[name]["data_stats"] for name in names if name in stats]  # at half load not each had a turn
        kept = min(kept, sum(each["rows"] for each in there if each))
    return outcome, cpu, outcome.sent - kept


def stored_plainly(vendor: str, postgres: str, floor: float, floor_is: str) -> list[Figure]:
    """What the database takes of rows that lie ready in memory, in one transaction: a service cannot take more."""
    database = postgres_database(postgres) if postgres else nullcontext("")
    with tempfile.TemporaryDirectory() as data, database as url:
        os.environ |= {"ROVI_DATA": data, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
        import django

        django.setup()
        from django.db import connection

        from benchmarks.bulk import columns_of, floor_of

        speed, _ = floor_of(columns_of(ROWS_STORED_PLAINLY), ROWS_STORED_PLAINLY)
        connection.close()
    client = "COPY" if postgres else "executemany"
    return [Figure(f"{vendor}, {client} alone, of rows that lie ready", speed, "rows/s", floor, floor_is)]


def battery_name(case: Case, run: str, number: int) -> str:
    return f"{run} {case.sockets}x{case.records}-{number}"


def read(port: int, path: str) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": AUTHORIZATION})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


# --- beside estimators and pages -----------------------------------------------------------------------------------
def in_company(vendor: str, postgres: str, kind: str, seconds: float) -> Iterator[Figure]:
    """Ten sockets alone, then with a filter for each battery, then with pages that watch them, too."""
    case = Case(10, 1)
    free = (os.cpu_count() or 1) > 3  # the client, the web process, the worker, and what else there is
    with running(kind, postgres, runs=["alone", "estimated", "watched"]) as server:
        alone, alone_cpu, lost = measured(server, case, "alone", seconds)
        with ExitStack() as stack:
            stack.enter_context(a_worker(server))
            time.sleep(seconds)  # it loads its libraries
            estimated, estimated_cpu, lost_too = measured(server, case, "estimated", seconds)
            stack.enter_context(watching(server.port, AUTHORIZATION, PAGES))
            watched, watched_cpu, lost_three = measured(server, case, "watched", seconds)
    found = (("estimators", estimated, estimated_cpu), (f"estimators and {PAGES} pages", watched, watched_cpu))
    for what, outcome, cpu in found:
        yield Figure(
            f"{vendor}, {kind}, {case}, with {what}", outcome.rows_a_second, "rows/s", alone.rows_a_second, "without",
            1 - COST_OF_ESTIMATION if free else None,
            note=f"{'' if free else 'no core is free for them; '}p99 {outcome.latency(0.99) * 1000:.0f} ms"
            + ("; rows were lost" if lost or lost_too or lost_three else ""),
        )  # fmt: skip
        # With a core for itself the web process takes as many rows as its CPU allows; SQLite's one lock is shared.
        yield Figure(
            f"{vendor}, {kind}, {case}, with {what}, by the web process's CPU", 1e6 / cpu, "rows/s", 1e6 / alone_cpu,
            "without", 1 - COST_OF_ESTIMATION if what == "estimators" else None,
        )  # fmt: skip


def register_filters(environment: dict[str, str], names: list[str]) -> list[Figure]:
    os.environ |= environment
    import django

    django.setup()
    from twin.registration import register_estimator

    for name in names:
        register_estimator(battery_name=name, kind="joint_ukf", preset="nmc", parameters={"initial_soc": 0.6})
    return []


@contextmanager
def a_worker(server: Server) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "run_worker"], cwd=ROOT, env=_environments[server.port])
    try:
        yield
    finally:
        end(process)


# --- servers -------------------------------------------------------------------------------------------------------
_environments: dict[int, dict[str, str]] = {}


@contextmanager
def running(kind: str, postgres: str, runs: list[str] | None = None) -> Iterator[Server]:
    """`runs`: each battery of these has a filter, all but those of the first. `postgres` is a server; empty: SQLite."""
    port = free_port()
    command = ["-m", "rovi_site.serving.web"] if kind != "floor" else ["-m", "benchmarks.floor", str(port)]
    is_ours = kind != "floor"
    database = postgres_database(postgres) if postgres and is_ours else nullcontext("")
    with tempfile.TemporaryDirectory() as data, database as url:
        environment = {**os.environ, "ROVI_DATA": data, "DATABASE_URL": url, "HOST": "127.0.0.1", "PORT": str(port)}
        environment |= {"DJANGO_SETTINGS_MODULE": "rovi_site.settings", "ROVI_LOG_LEVEL": "ERROR", "ROVI_SERVER": kind}
        if is_ours:
            prepare(environment)
        case = Case(10, 1)
        estimated = [battery_name(case, run, number) for run in (runs or [])[1:] for number in range(case.sockets)]
        if estimated:
            apart(register_filters, environment, estimated)
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
        _environments[port] = environment
        try:
            wait_for(port, process)
            yield Server(kind, port, process.pid)
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def prepare(environment: dict[str, str]) -> None:
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    account = {**environment, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    create = [*manage, "createsuperuser", "--noinput", "--username", USER, "--email", "benchmark@localhost"]
    subprocess.run([*create, "--verbosity", "0"], cwd=ROOT, env=account, check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    alone(__doc__, figures, options)
