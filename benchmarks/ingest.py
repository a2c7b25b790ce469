"""How many rows a second the upload socket takes, beside a bare WebSocket server on the same machine in the same run.

    python benchmarks/ingest.py [--seconds 5] [--servers daphne uvicorn] [--database postgres://…]

Each server runs as its own process with a folder of its own, which is removed. Loss is checked twice: every row sent
must be acknowledged, and /db/stats must count as many.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from load import Outcome, run_load

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "benchmark", secrets.token_urlsafe(12)
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CASES = [(1, 1, 256), (10, 1, 256), (100, 1, 64), (1, 100, 16), (10, 100, 16), (100, 100, 4)]  # sockets, rows, window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--servers", nargs="+", default=["daphne", "uvicorn"], choices=["daphne", "uvicorn"])
    parser.add_argument("--database", default="", help="DATABASE_URL of an empty one; default SQLite")
    asked = parser.parse_args()
    heading = ("server", "sockets", "rows a frame", "rows/s", "of floor", "p50 ms", "p99 ms", "lost")
    print("".join(f"{word:>14}" for word in heading))
    failed = False
    with ExitStack() as servers:
        # All run at once and are measured in turn, so that a case's figures come from the same half minute.
        ports = {server: servers.enter_context(running(server, asked.database)) for server in ["floor", *asked.servers]}
        for sockets, records, window in CASES:
            floor = 0.0
            for server, port in ports.items():
                outcome, lost = measured(server, port, sockets, records, window, asked.seconds)
                floor = floor or outcome.rows_a_second
                failed |= lost != 0 or bool(outcome.troubles)
                report(server, sockets, records, outcome, floor, lost)
    if failed:
        raise SystemExit("Rows were lost, or a socket broke.")


def measured(server: str, port: int, sockets: int, records: int, window: int, seconds: float) -> tuple[Outcome, int]:
    """The outcome, and how many rows were sent and are not both acknowledged and stored."""
    names = [f"{sockets}x{records}-{number}" for number in range(sockets)]
    paths = [f"/db/upload/{name}?ack=1" for name in names]
    outcome = asyncio.run(run_load(port, paths, AUTHORIZATION, records, window, seconds))
    kept = outcome.acknowledged
    if server != "floor":
        request = urllib.request.Request(f"http://127.0.0.1:{port}/db/stats", headers={"Authorization": AUTHORIZATION})
        with urllib.request.urlopen(request) as answer:
            stats = json.load(answer)
        kept = min(kept, sum(stats[name]["data_stats"]["rows"] for name in names))
    return outcome, outcome.sent - kept


def report(server: str, sockets: int, records: int, outcome: Outcome, floor: float, lost: int) -> None:
    print(
        f"{server:>14}{sockets:>14}{records:>14}{outcome.rows_a_second:>14,.0f}{outcome.rows_a_second / floor:>14.0%}"
        f"{outcome.latency(0.5) * 1000:>14.1f}{outcome.latency(0.99) * 1000:>14.1f}{lost:>14}",
        *outcome.troubles[:3],
        flush=True,
    )


@contextmanager
def running(server: str, database: str) -> Iterator[int]:
    port = free_port()
    command = ["-m", "rovi_site.serving.web"] if server != "floor" else [str(ROOT / "benchmarks/floor.py"), str(port)]
    with tempfile.TemporaryDirectory() as data:
        ours = {"ROVI_DATA": data, "DATABASE_URL": database, "HOST": "127.0.0.1", "PORT": str(port)}
        environment = {**os.environ, **ours}
        if server != "floor":
            environment |= {"ROVI_SERVER": server, "ROVI_LOG_LEVEL": "WARNING"}
            prepare(environment)
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
        try:
            wait_for(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
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
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    main()
