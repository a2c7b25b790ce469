"""The common face of all benchmarks, and `python -m benchmarks`, which runs several and writes docs/performance.md.

A benchmark is a module with `figures(asked)`, which yields `Figure`s and prints what else it has to say, and ends with

    if __name__ == "__main__":
        alone(__doc__, figures, options)

Then `python -m benchmarks.NAME --help` is there, it prints its table when done, and `--records FILE` leaves the figures
as lines of JSON. A floor is measured in the same run: machines differ and are shared, so that only ratios last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from tests.services import postgres_answers, postgres_url

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
LIBRARIES = ("django", "numpy", "msgpack", "orjson", "psycopg", "pyarrow", "daphne", "uvicorn", "websockets")

# What `make bench` runs, in this order; ARGS="reads bulk" chooses, and ARGS=--quick makes small ones of all.
CHOSEN = (
    "ingest", "bulk", "reads", "estimation", "edge", "measuring", "fleet_forecast", "energy", "sandboxed_scripts",
    "scale_out",
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A number of ours beside its floor: what the bare database, server or library does with the same work.

    The goal is `least_share`, the least ratio of ours to the floor, or `most`, in `unit`; or there is none.
    """

    what: str
    ours: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    least_share: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def share(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def goal(self) -> str:
        if self.least_share is not None:
            return f"≥ {self.least_share:.0%}" if self.least_share <= 1 else f"≥ {self.least_share:g} times"
        return f"≤ {shown(self.most)} {self.unit}" if self.most is not None else ""

    @property
    def is_met(self) -> bool | None:
        if self.least_share is not None:
            return self.share is not None and self.share >= self.least_share
        return self.ours <= self.most if self.most is not None else None

    @property
    def cells(self) -> tuple[str, ...]:
        share = "" if self.share is None else f"{self.share:.0%}" if self.share < 10 else f"{self.share:.0f} times"
        of_what = f" ({self.floor_is})" if self.floor_is else ""
        floor = "" if self.floor is None else shown(self.floor) + of_what
        met = {True: "yes", False: "no", None: ""}[self.is_met]
        return self.what, f"{shown(self.ours)} {self.unit}", floor, share, self.goal, met, self.note


HEADS = ("what", "ours", "floor", "of floor", "goal", "met", "")


def shown(number: float) -> str:
    """
    >>> shown(184_233.4), shown(12.34), shown(0.1234), shown(0)
    ('184,233', '12.3', '0.123', '0')
    """
    return f"{number:,.0f}" if abs(number) >= 100 or not number else f"{number:.3g}"


def table(figures: Iterable[Figure]) -> str:
    rows = [HEADS, *(figure.cells for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADS))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


# --- one benchmark -------------------------------------------------------------------------------------------------
Figures = Callable[[argparse.Namespace], Iterable[Figure]]
Options = Callable[[argparse.ArgumentParser], None]


def alone(about: str | None, figures: Figures, options: Options | None = None) -> None:
    """Runs one benchmark by itself; `options` adds its own to the parser."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small and short: to see that it works, not how fast")
    parser.add_argument(
        "--postgres",
        metavar="URL",
        default=postgres_url() if postgres_answers() else "",
        help="a PostgreSQL server that may be given databases (default: where `make test` looks); empty: SQLite alone",
    )
    parser.add_argument("--records", type=Path, metavar="FILE", help="write the figures there, a line of JSON each")
    if options:
        options(parser)
    asked = parser.parse_args()
    found = []
    for figure in figures(asked):
        print(f"  {' | '.join(cell for cell in figure.cells if cell)}", flush=True)
        found.append(figure)
        if asked.records:
            with asked.records.open("a") as file:
                file.write(json.dumps(asdict(figure)) + "\n")
    print(f"\n{table(found)}", flush=True)


def apart(work: Callable[..., list[Figure]], *arguments: object) -> list[Figure]:
    """`work` in a fresh process: Django reads its settings once, and memory and caches begin anew."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def cpu_seconds(pid: int) -> float:
    """What a process has spent so far, with the children that it waited for; 0 where there is none, or no /proc."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, status[11:15])) / os.sysconf("SC_CLK_TCK")


def databases(asked: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """(vendor's name, DATABASE_URL) of empty databases in turn; empty stands for SQLite in ROVI_DATA."""
    yield "SQLite", ""
    if asked.postgres:
        with postgres_database(asked.postgres) as url:
            yield "PostgreSQL", url


@contextmanager
def postgres_database(server: str, kept_as: str | None = None) -> Iterator[str]:
    """A database of its own on that server, dropped at the end; one that is `kept_as` is made once and stays."""
    import psycopg

    name = kept_as or f"rovi_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not there:
            connection.execute(f"CREATE DATABASE {name}")
    try:
        yield re.sub(r"(://[^/?]+)/?[^?]*", rf"\1/{name}", server, count=1)
    finally:
        if not kept_as:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


# --- several -------------------------------------------------------------------------------------------------------
def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=CHOSEN, help=f"modules of benchmarks/; default: {' '.join(CHOSEN)}")
    parser.add_argument("--quick", action="store_true", help="small and short, and docs/performance.md stays as it is")
    asked, passed_on = parser.parse_known_args()
    results: dict[str, list[Figure]] = {}
    failed = []
    for name in asked.names:
        print(f"=== {name} ===", flush=True)
        begun, since = machine(), time.monotonic()
        results[name], is_well = _run(name, [*(["--quick"] if asked.quick else []), *passed_on])
        print(f"=== {name} took {time.monotonic() - since:.0f} s ===\n", flush=True)
        if not is_well:
            failed.append(name)
        elif not asked.quick:
            write(name, results[name], begun)
    print("\n" + table(figure for figures in results.values() for figure in figures))
    if failed:
        raise SystemExit(f"Ended with an error: {', '.join(failed)}.")


def _run(name: str, options: list[str]) -> tuple[list[Figure], bool]:
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "records"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--records", str(records), *options]
        ended = subprocess.run(command, cwd=ROOT, check=False)
        lines = records.read_text().splitlines() if records.exists() else []
        return [Figure(**json.loads(line)) for line in lines], ended.returncode == 0


# --- the document --------------------------------------------------------------------------------------------------
def machine() -> str:
    """What the figures hold for: date, machine, how busy it was, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    info = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else []
    model = models[0].strip() if models else platform.processor() or platform.machine()
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}", *_of_postgres()]
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {version(library)}")
        except ModuleNotFoundError:
            continue
    busy = f"load average {os.getloadavg()[0]:.1f} at the start"
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, "
        f"{platform.system()}, {busy}. {', '.join(versions)}."
    )


def _of_postgres() -> list[str]:
    if not postgres_answers():
        return []
    import psycopg

    with psycopg.connect(postgres_url()) as connection:
        return [f"PostgreSQL {connection.info.parameter_status('server_version')}"]


def write(name: str, figures: list[Figure], machine_line: str, document: Path = DOCUMENT) -> None:
    """Puts the figures between `<!-- bench:NAME -->` and `<!-- end -->` of the document, or at its end."""
    rows = [HEADS, tuple("---" for _ in HEADS), *(figure.cells for figure in figures)]
    body = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    block = f"<!-- bench:{name} -->\n{body}\n\n{machine_line}\n<!-- end -->"
    text = document.read_text()
    pattern = re.compile(rf"<!-- bench:{re.escape(name)} -->.*?<!-- end -->", re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: block, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n## {name}\n\n{block}\n"
    document.write_text(text)
