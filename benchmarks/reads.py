"""How long the service takes to answer what people look at, when there is much: `python -m benchmarks.reads`.

A chart of a battery with 10 million rows in 2,000 points; /db/stats, the fleet's page and /online/status with 10,000
batteries. Milliseconds from request to the last byte, one client, the median of several; beside each what the database
alone takes, in its own client library, for a plain question after the same. The databases take minutes to make;
`--keep FOLDER` keeps them for the next run.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import ROOT, Figure, alone, apart, postgres_database
from benchmarks.ingest import free_port, wait_for
from benchmarks.live_fleet import cpu_and_memory

MOST_MS = 300.0
FLOOR_TRIES = 3


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the battery whose chart is drawn")
    parser.add_argument("--batteries", type=int, default=10_000)
    parser.add_argument("--tries", type=int, default=9, help="requests of which the median counts")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the databases there once, and keep them")
    parser.add_argument("--server", default="daphne", choices=["daphne", "uvicorn"])


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    rows, batteries = (200_000, 100) if asked.quick else (asked.rows, asked.batteries)
    for name in ("SQLite", "PostgreSQL") if asked.postgres else ("SQLite",):
        folder = nullcontext(str(asked.keep)) if asked.keep else tempfile.TemporaryDirectory()
        database = nullcontext("")
        if name == "PostgreSQL":
            database = postgres_database(asked.postgres, "rovi_bench_reads" if asked.keep else None)
        with folder as data, database as url:
            Path(data).mkdir(parents=True, exist_ok=True)
            yield from apart(measured, name, data, url, asked.server, rows, batteries, asked.tries)


@dataclass(frozen=True)
class Read:
    """A question to the service, and a plain one to the database beside it."""

    what: str
    path: str
    floor: str
    floor_is: str
    most: float | None = MOST_MS


def measured(name: str, data: str, url: str, server: str, rows: int, batteries: int, tries: int) -> list[Figure]:
    os.environ |= {"ROVI_DATA": data, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
    os.environ |= {"ROVI_SERVER": server, "ROVI_LOG_LEVEL": "WARNING", "HOST": "127.0.0.1", "PORT": str(free_port())}
    import django

    django.setup()
    from benchmarks.furnished import LONG, furnish
    from datahub.models import Battery

    furnish(rows, batteries)
    long = Battery.objects.get(name=LONG)
    catch_up(long.pk)
    found = []
    asked: dict[str, float] = {}
    with running() as (get, spent):
        for read in reads(long, rows, batteries):
            get(read.path)
            cpu = spent()
            times, size = timed(lambda read=read: get(read.path), tries)
            cpu = 1e3 * (spent() - cpu) / tries
            if read.floor not in asked:  # several reads have one, and a scan takes seconds
                asked[read.floor] = statistics.median(timed(lambda read=read: plainly(read.floor), FLOOR_TRIES)[0])
            note = (
                f"{cpu:.0f} ms CPU of the web process; {min(times):.0f} to {max(times):.0f} ms; {size / 1024:,.0f} KiB"
            )
            median, floor = statistics.median(times), asked[read.floor]
            found.append(Figure(f"{read.what}, {name}", median, "ms", floor, read.floor_is, most=read.most, note=note))
            print(f"  {' | '.join(cell for cell in found[-1].cells if cell)}", flush=True)
    return found


def reads(long: object, rows: int, batteries: int) -> list[Read]:
    table, chart = f"rows_{long.pk}", f"/api/v1/batteries/{long.pk}/rows/chart/?columns=current,voltage,temperature"
    extremes = ", ".join(f"MIN({name}), MAX({name})" for name in ("current", "voltage", "temperature"))
    scan, is_scan = f"SELECT COUNT(*), {extremes} FROM {table}", "a scan of the window"
    listed = "SELECT id, name, columns, rows, metadata FROM datahub_battery ORDER BY name"
    progress = (
        "SELECT b.name, e.state, p.* FROM twin_estimator e JOIN datahub_battery b ON b.id = e.battery_id "
        "JOIN twin_estimatorprogress p ON p.estimator_id = e.id"
    )
    windows = [("the whole", 0, rows)] + [
        (f"{width:,} rows", rows // 3, rows // 3 + width) for width in (1_000_000, 200_000, 20_000) if width < rows
    ]
    return [
        *[
            Read(
                f"chart of {words} of {rows:,} rows", f"{chart}&start={start}&end={end}",
                f"{scan} WHERE test_time >= {start} AND test_time < {end}" if words != "the whole" else scan, is_scan,
            )
            for words, start, end in windows
        ],
        Read(f"the page's series of {rows:,} rows", f"/charts/batteries/{long.pk}", scan, is_scan),
        Read(f"/db/stats of {batteries:,} batteries", "/db/stats", listed, "all records read"),
        Read(f"/online/status of {batteries:,} estimators", "/online/status", progress, "all records read"),
        Read(f"home with {batteries:,} batteries", "/", listed, "all records read"),
        Read(f"home with {batteries:,} batteries, last page", "/?page=100000", listed, "all records read"),
        Read(f"home with {batteries:,} batteries, silent ones", "/?data=silent", listed, "all records read"),
        Read(f"home with {batteries:,} batteries, searched", "/?q=0012", listed, "all records read"),
    ]  # fmt: skip


def timed(deed: Callable[[], int], tries: int) -> tuple[list[float], int]:
    """Milliseconds of each try, and what the deed gave back."""
    times, given = [], 0
    for _ in range(tries):
        begun = time.perf_counter()
        given = deed()
        times.append((time.perf_counter() - begun) * 1e3)
    return times, given


def plainly(statement: str) -> int:
    """Asks without Django's ORM."""
    from django.db import connection

    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.execute(statement)
    return len(cursor.fetchall())


def catch_up(battery_id: int) -> None:
    """Sums up blocks of rows, as a worker does while they come."""
    from datahub.charting.summarising import summarise_more

    begun = time.perf_counter()
    while summarise_more(battery_id):
        pass
    print(f"  blocks summed up in {time.perf_counter() - begun:.1f} s", flush=True)


@contextmanager
def running() -> Iterator[tuple[Callable[[str], int], Callable[[], float]]]:
    """The web server on the settings of this process: `get(path)` asks it, logged in; and its CPU seconds so far."""
    process = subprocess.Popen([sys.executable, "-m", "rovi_site.serving.web"], cwd=ROOT, env=dict(os.environ))
    try:
        wait_for(int(os.environ["PORT"]), process)
        connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=600)
        cookie = {"Cookie": f"sessionid={session()}"}

        def get(path: str) -> int:
            connection.request("GET", path, headers=cookie)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (path, answer.status, body[:500])
            return len(body)

        yield get, lambda: cpu_and_memory(process.pid)[0]
    finally:
        process.terminate()
        process.wait(30)


def session() -> str:
    """Of an administrator, made here: what a login costs is not asked."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore

    user, _ = get_user_model().objects.get_or_create(username="benchmark", is_superuser=True, is_staff=True)
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return store.session_key


if __name__ == "__main__":
    alone(__doc__, figures, options)
