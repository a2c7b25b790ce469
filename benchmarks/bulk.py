"""Bulk uploads of a million rows through the whole service: `python -m benchmarks.bulk`.

A POST of 9 columns as JSON, msgpack, CSV and Parquet, from the first byte sent to the answer; one of them once more,
which stores none. The floor is what the database's own client does with the same rows in Python's memory:
`executemany` on SQLite, COPY on PostgreSQL, into a table with the same columns and the same index, in one transaction.
The same without any index is told too. What was sent and what is stored afterwards is compared.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import repeat

import msgpack
import numpy as np

from benchmarks.bench import ROOT, Figure, alone, apart, databases
from benchmarks.ingest import AUTHORIZATION, free_port, prepare, wait_for
from benchmarks.live_fleet import cpu_and_memory

LEAST_SHARE = 0.5
INTEGERS = ("cycle_number", "step_index")
SENT_AGAIN = "msgpack"
CONTENT_TYPES = {
    "JSON": "application/json", "msgpack": "application/msgpack", "CSV": "text/csv",
    "Parquet": "application/vnd.apache.parquet",
}  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--server", default="daphne", choices=["daphne", "uvicorn"])


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    rows = 20_000 if asked.quick else asked.rows
    for name, url in databases(asked):
        with tempfile.TemporaryDirectory() as folder:
            yield from apart(measured, name, url, folder, asked.server, rows)


def measured(name: str, url: str, folder: str, server: str, rows: int) -> list[Figure]:
    columns = columns_of(rows)
    os.environ |= {"ROVI_DATA": folder, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
    os.environ |= {"HOST": "127.0.0.1", "PORT": str(free_port()), "ROVI_SERVER": server, "ROVI_LOG_LEVEL": "WARNING"}
    prepare(dict(os.environ))
    import django

    django.setup()
    floor, bare = floor_of(columns, rows)
    floor_is = "executemany" if name == "SQLite" else "COPY"
    found = [Figure(f"{floor_is}, the table's index left out, {name}", bare, "rows/s", floor, floor_is)]
    process = subprocess.Popen([sys.executable, "-m", "rovi_site.serving.web"], cwd=ROOT, env=dict(os.environ))
    try:
        wait_for(int(os.environ["PORT"]), process)
        for form, content_type in CONTENT_TYPES.items():  # libraries are loaded, the password is found right
            post("warm-up", content_type, body_of(form, columns_of(10)))
        for form, content_type in CONTENT_TYPES.items():
            body = body_of(form, columns)
            for again in (False, True) if form == SENT_AGAIN else (False,):
                cpu = cpu_and_memory(process.pid)[0]
                seconds = post(form, content_type, body)
                spent, resident = cpu_and_memory(process.pid)
                note = f"{1e6 * (spent - cpu) / rows:.1f} µs CPU of the server a row; {len(body) / 2**20:,.0f} MiB sent"
                what = f"POST of {rows:,} rows as {form}{', all stored before' if again else ''}, {name}"
                goal = None if again else LEAST_SHARE
                found.append(
                    Figure(what, rows / seconds, "rows/s", floor, floor_is, goal, note=f"{note}; {resident:,.0f} MiB")
                )
                print(f"  {' | '.join(cell for cell in found[-1].cells if cell)}", flush=True)
            check(form, columns)
    finally:
        process.terminate()
        process.wait(60)
    return found


# --- the rows ------------------------------------------------------------------------------------------------------
def columns_of(rows: int) -> dict[str, list]:
    chance = np.random.default_rng(0)
    seconds = np.arange(rows, dtype=float)
    columns = {
        "test_time": seconds,
        "current": (2.5 * np.sin(seconds / 900) + chance.normal(0, 0.01, rows)).round(6),
        "voltage": (3.7 + 0.3 * np.sin(seconds / 900) + chance.normal(0, 0.002, rows)).round(5),
        "temperature": (25 + chance.normal(0, 0.5, rows)).round(3),
        "capacity_charge": chance.random(rows).round(6),
        "capacity_discharge": chance.random(rows).round(6),
        "energy": chance.random(rows).round(6),
        "cycle_number": np.arange(rows) // 7200,
        "step_index": np.arange(rows) // 1800 % 4,
    }
    return {name: values.tolist() for name, values in columns.items()}


def body_of(form: str, columns: dict[str, list]) -> bytes:
    if form == "Parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        return file.getvalue()
    if form == "CSV":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return text.getvalue().encode()
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps(records).encode() if form == "JSON" else msgpack.packb(records)


# --- ours ----------------------------------------------------------------------------------------------------------
def post(form: str, content_type: str, body: bytes) -> float:
    """Seconds from the first byte sent to the answer read."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=3600)
    begun = time.perf_counter()
    headers = {"Authorization": AUTHORIZATION, "Content-Type": content_type}
    connection.request("POST", f"/db/upload/{form}", body, headers)
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, told[:1000]
    return time.perf_counter() - begun


def check(form: str, columns: dict[str, list]) -> None:
    """Every row is stored, once, with its numbers."""
    from django.db import connection

    from datahub.models import Battery

    battery = Battery.objects.get(name=form)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM rows_{battery.pk} ORDER BY row_id")
        for row, sent in zip(cursor, zip(*columns.values(), strict=True), strict=True):
            assert row == sent, (form, row, sent)
    rows = len(columns["voltage"])
    assert (battery.rows, battery.repeated_rows) == (rows, rows if form == SENT_AGAIN else 0)


# --- the floor -----------------------------------------------------------------------------------------------------
def floor_of(columns: dict[str, list], rows: int) -> tuple[float, float]:
    """Rows a second into a table like ours with its index, and without one."""
    from django.db import connection

    from datahub import tables

    kinds = {name: "integer" if name in INTEGERS else "float" for name in columns}
    digests = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, rows).tolist()
    names = ["row_digest", "row_late", "received", *columns]
    given = list(zip(digests, repeat(False), repeat(1.7e9), *columns.values(), strict=False))
    table, bare = tables.rows_table(2**31), "bare_rows"
    tables.create(connection, 2**31, kinds)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {bare} AS SELECT {', '.join(names)} FROM {table}")
    speeds = [rows / store_plainly(into, names, given) for into in (table, bare)]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {bare}")
    tables.drop(connection, 2**31)
    return speeds[0], speeds[1]


def store_plainly(table: str, names: list[str], rows: list[tuple]) -> float:
    """Seconds of one transaction of the database's own client."""
    from django.db import connection

    connection.ensure_connection()
    raw, listed = connection.connection, ", ".join(names)
    begun = time.perf_counter()
    if connection.vendor == "sqlite":
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(f"INSERT INTO {table} ({listed}) VALUES ({', '.join('?' * len(names))})", rows)
        raw.execute("COMMIT")
    else:
        with raw.transaction(), raw.cursor() as cursor, cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    return time.perf_counter() - begun


if __name__ == "__main__":
    alone(__doc__, figures, options)
