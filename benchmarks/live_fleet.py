"""A live fleet: so many batteries send a row a second each, and every row is estimated. Does the service keep up?

    python -m benchmarks.live_fleet [--batteries 1000] [--seconds 60] [--server daphne] [--database postgres://…]

Each battery has a socket and a built-in filter of its own; the rows are those of simulated cells. The web process, one
worker and the client run side by side on this machine. It prints, at intervals: rows sent, acknowledged and not yet
estimated, the oldest unacknowledged row, CPU and memory of each process. It keeps up when the last two columns of rows
stay flat. Several numbers of batteries after `--batteries` are tried in turn, each with a folder of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from benchmarks.ingest import AUTHORIZATION, ROOT, free_port, prepare, wait_for
from benchmarks.load import BINARY, UploadClient, _length_of_client_frame

KINDS_OF_CELLS = 24  # lives that are simulated; the batteries share them
SECONDS_TO_CONNECT = 120.0
TURNS_A_SECOND = 20  # a twentieth of the batteries sends in each
FILES_BESIDE_SOCKETS = 500


class PacedClient(UploadClient):
    """A connection that sends when it is told to."""

    def __init__(self, host: str, path: str, authorization: str) -> None:
        super().__init__(host, path, authorization, records=1, window=0)

    def push(self, payload: bytes) -> None:
        head = bytes([0x80 | BINARY]) + _length_of_client_frame(len(payload)) + bytes(4)
        self.sent += 1
        self._in_flight.append((self.sent, time.perf_counter()))
        self.transport.write(head + payload)

    def oldest(self, now: float) -> float:
        return now - self._in_flight[0][1] if self._in_flight else 0.0


@dataclass
class Shared:
    """What the client's process tells the one that measures."""

    ready: Any = field(default_factory=lambda: multiprocessing.Event())
    counts: Any = field(default_factory=lambda: multiprocessing.Array("d", 4))  # sent, acknowledged, oldest s, troubles


# --- the client's process ------------------------------------------------------------------------------------------
def rows_of_cells(seconds: int) -> list[list[bytes]]:
    """For each kind of cell its frames, a second apart."""
    from energykit.simulation import simulated_fleet

    kinds = []
    for cell in simulated_fleet(KINDS_OF_CELLS, seed=7):
        cell.advance(6 * 3600.0)  # into the day
        lived = cell.advance(float(seconds + 1), sample_seconds=1.0)
        names = ("test_time", "current", "voltage", "temperature")
        columns = [np.asarray(lived[name], dtype=float).tolist() for name in names]
        kinds.append([msgpack.packb(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)])
    return kinds


async def send_all(port: int, authorization: str, batteries: int, seconds: int, shared: Shared) -> None:
    loop = asyncio.get_running_loop()
    frames = rows_of_cells(seconds)
    clients: list[PacedClient] = []
    for number in range(batteries):
        path = f"/db/upload/{battery_name(number)}?ack=1"
        _, client = await loop.create_connection(
            lambda path=path: PacedClient(f"127.0.0.1:{port}", path, authorization), "127.0.0.1", port
        )
        clients.append(client)
        if number % 50 == 49:  # an accept queue is short
            await asyncio.wait_for(asyncio.gather(*[each.greeted for each in clients[-50:]]), SECONDS_TO_CONNECT)
    await asyncio.wait_for(asyncio.gather(*[each.greeted for each in clients]), SECONDS_TO_CONNECT)
    shared.ready.set()
    began = time.perf_counter()
    for turn in range(seconds * TURNS_A_SECOND):
        second, part = divmod(turn, TURNS_A_SECOND)
        for number in range(part, batteries, TURNS_A_SECOND):
            lived = frames[number % len(frames)]
            if second < len(lived) and not clients[number].transport.is_closing():
                clients[number].push(lived[second])
        if part == 0:
            tell(clients, shared)
        await asyncio.sleep(max(0.0, began + (turn + 1) / TURNS_A_SECOND - time.perf_counter()))
    until = time.perf_counter() + 60
    while time.perf_counter() < until and any(each.acknowledged < each.sent for each in clients):
        await asyncio.sleep(0.2)
        tell(clients, shared)
    tell(clients, shared)
    for each in clients[:5]:
        for trouble in each.troubles[:1]:
            print("trouble:", trouble, flush=True)


def tell(clients: list[PacedClient], shared: Shared) -> None:
    now = time.perf_counter()
    shared.counts[0] = sum(each.sent for each in clients)
    shared.counts[1] = sum(each.acknowledged for each in clients)
    shared.counts[2] = max(each.oldest(now) for each in clients)
    shared.counts[3] = sum(bool(each.troubles) for each in clients)


def run_client(port: int, authorization: str, batteries: int, seconds: int, shared: Shared) -> None:
    asyncio.run(send_all(port, authorization, batteries, seconds, shared))


# --- the process that measures -------------------------------------------------------------------------------------
def battery_name(number: int) -> str:
    return f"live-{number}"


def register(batteries: int) -> None:
    from energykit.presets import PRESETS
    from energykit.simulation import simulated_fleet
    from twin.registration import register_estimator

    kinds = [cell.preset.key for cell in simulated_fleet(KINDS_OF_CELLS, seed=7)]
    assert set(kinds) <= set(PRESETS)
    for number in range(batteries):
        register_estimator(
            battery_name=battery_name(number), kind="joint_ukf", preset=kinds[number % len(kinds)],
            parameters={"initial_soc": 0.6},
        )  # fmt: skip


def rows_behind() -> tuple[int, int]:
    """Rows stored, and those of them that no filter has seen."""
    from django.db.models import Sum

    from datahub.models import Battery
    from twin.models import EstimatorProgress

    seen = EstimatorProgress.objects.aggregate(seen=Sum("rows_seen"))["seen"] or 0
    stored = Battery.objects.aggregate(rows=Sum("rows"))["rows"] or 0
    return stored, stored - seen


def cpu_and_memory(process: int) -> tuple[float, float]:
    """CPU seconds so far, and MiB resident."""
    status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ticks, pages = int(status[11]) + int(status[12]), int(status[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * resource.getpagesize() / 2**20


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def one_run(authorization: str, batteries: int, seconds: int, every: int) -> None:
    """In a process of its own, as Django's settings are read once."""
    import django

    django.setup()
    port = int(os.environ["PORT"])
    began = time.perf_counter()
    register(batteries)
    print(f"{batteries:,} batteries with a filter each, registered in {time.perf_counter() - began:.0f} s", flush=True)
    shared = Shared()
    client = multiprocessing.Process(target=run_client, args=(port, authorization, batteries, seconds, shared))
    with started(["-m", "rovi_site.serving.web"], dict(os.environ)) as web:
        wait_for(port, web)
        with started(["manage.py", "run_worker"], dict(os.environ)) as worker:
            client.start()
            if not shared.ready.wait(SECONDS_TO_CONNECT + 60):
                raise SystemExit("Not all sockets came up.")
            assert client.pid is not None
            watch({"web": web.pid, "worker": worker.pid, "client": client.pid}, shared, seconds, every)
            client.join(90)


def watch(processes: dict[str, int], shared: Shared, seconds: int, every: int) -> None:
    heading = ["s", "sent", "acknowledged", "oldest s", "behind", *(f"{name} %" for name in processes)]
    print("".join(f"{word:>14}" for word in [*heading, *(f"{name} MiB" for name in processes)]))
    began = time.perf_counter()
    before = {name: cpu_and_memory(process)[0] for name, process in processes.items()}
    for mark in range(every, seconds + 1, every):
        time.sleep(max(0.0, began + mark - time.perf_counter()))
        now = {name: cpu_and_memory(process) for name, process in processes.items()}
        sent, acknowledged, oldest, troubles = shared.counts
        _, behind = rows_behind()
        shares = [100 * (now[name][0] - before[name]) / every for name in processes]
        before = {name: cpu for name, (cpu, _) in now.items()}
        print(
            f"{mark:>14}{sent:>14,.0f}{acknowledged:>14,.0f}{oldest:>14.2f}{behind:>14,}"
            + "".join(f"{share:>14.0f}" for share in shares)
            + "".join(f"{now[name][1]:>14,.0f}" for name in processes)
            + (f"   {troubles:.0f} sockets broke" if troubles else ""),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batteries", type=int, nargs="+", default=[1000])
    parser.add_argument("--seconds", type=int, default=60, help="of sending")
    parser.add_argument("--every", type=int, default=10, help="seconds between two lines")
    parser.add_argument("--server", default="daphne", choices=["daphne", "uvicorn"])
    parser.add_argument("--database", default="", help="DATABASE_URL of an empty one; default SQLite")
    asked = parser.parse_args()
    raise_file_limit(max(asked.batteries) + FILES_BESIDE_SOCKETS)
    for batteries in asked.batteries:
        with tempfile.TemporaryDirectory() as data:
            os.environ |= {"ROVI_DATA": data, "DATABASE_URL": asked.database, "ROVI_SERVER": asked.server}
            os.environ |= {"HOST": "127.0.0.1", "PORT": str(free_port()), "ROVI_LOG_LEVEL": "WARNING"}
            os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
            prepare(dict(os.environ))
            run = multiprocessing.Process(target=one_run, args=(AUTHORIZATION, batteries, asked.seconds, asked.every))
            run.start()
            run.join()


def raise_file_limit(files: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise SystemExit(f"{files} open files are needed, {hard} are allowed; raise it with `ulimit -Hn`.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
