"""All SQL text of this room, and the running of a history query so that it can read one table for a bounded time."""

from __future__ import annotations

import math
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted, rows_table
from prognosis.errors import HistoryFailed
from prognosis.forecasting.sql import FUNCTIONS
from twin.tables import estimates_table

if TYPE_CHECKING:
    import numpy as np

MAX_ROWS = 1_000_000
MAX_SECONDS = 10.0
ROWS_AT_ONCE = 20_000
SQLITE_STEPS_BETWEEN_LOOKS = 20_000  # about a millisecond


def sql_dialect(vendor: str) -> str:
    """The name of a database's SQL for the parser, from Django's name of the database."""
    return {"sqlite": "sqlite", "postgresql": "postgres"}[vendor]


def read_history(
    sql: str, table: str, max_seconds: float = MAX_SECONDS, deviations: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """The columns that `sql`, a checked query over `table`, selects, as floats with NaN for NULL.

    `deviations` names columns that hold packed covariances, and the place in them of the variance whose root is meant.
    Raises HistoryFailed when it takes too long, returns more than MAX_ROWS, or the database refuses it.
    """
    read = _read_sqlite if connection.vendor == "sqlite" else _read_postgresql
    return read(sql, table, max_seconds, deviations or {})


def newest_time(table: str, until: float | None = None) -> float | None:
    """The greatest test_time, s, up to `until`, among the estimates in `table`, whose name comes from an integer.

    None without any.
    """
    condition = "" if until is None else f' WHERE "test_time" <= {float(until)!r}'
    (newest,) = read_history(f'SELECT MAX("test_time") AS newest FROM "{table}"{condition}', table)["newest"]
    return None if math.isnan(newest) else float(newest)


def _read_sqlite(sql: str, table: str, max_seconds: float, deviations: Mapping[str, int]) -> dict[str, np.ndarray]:
    """On a connection of its own, opened for reading, where SQLite itself asks us about everything it touches."""
    until = time.monotonic() + max_seconds
    with closing(sqlite3.connect(_read_only_uri(str(connection.settings_dict["NAME"])), uri=True)) as reader:
        reader.execute("PRAGMA query_only = ON")
        # Between connections that share one cache in memory, and only there, a reader would wait for every writer.
        reader.execute("PRAGMA read_uncommitted = ON")
        reader.set_authorizer(_only_reading(table))
        reader.set_progress_handler(lambda: time.monotonic() > until, SQLITE_STEPS_BETWEEN_LOOKS)
        try:
            cursor = reader.execute(sql)
            blocks = _blocks(cursor.fetchmany)
            return _as_columns([column[0] for column in cursor.description], blocks, deviations)
        except sqlite3.Error as wrong:
            if str(wrong) == "interrupted":
                raise _too_slow(max_seconds) from None
            raise HistoryFailed(f"The database refused the history query: {wrong}.") from None


def _read_only_uri(name: str) -> str:
    return name if name.startswith("file:") else f"{Path(name).resolve().as_uri()}?mode=ro"


def _only_reading(table: str) -> Callable[..., int]:
    functions = {name.lower() for name in FUNCTIONS}

    def decide(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        allowed = (
            action == sqlite3.SQLITE_SELECT
            or (action == sqlite3.SQLITE_READ and first == table)
            or (action == sqlite3.SQLITE_FUNCTION and second in functions)
        )
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return decide


def _read_postgresql(sql: str, table: str, max_seconds: float, deviations: Mapping[str, int]) -> dict[str, np.ndarray]:
    """In a read-only transaction with a statement time-out, rolled back, so that neither outlives it."""
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute(f"SET LOCAL statement_timeout = {int(max_seconds * 1000)}")
            with connection.chunked_cursor() as cursor:
                cursor.execute(sql)
                blocks = _blocks(cursor.fetchmany)
                first = next(blocks, [])
                names = [column[0] for column in cursor.description]
                return _as_columns(names, _preceded(first, blocks), deviations)
        except DatabaseError as wrong:
            if "statement timeout" in str(wrong):
                raise _too_slow(max_seconds) from None
            raise HistoryFailed(f"The database refused the history query: {str(wrong).splitlines()[0]}.") from None
        finally:
            transaction.set_rollback(True)


def _blocks(fetchmany: Callable[[int], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    while block := fetchmany(ROWS_AT_ONCE):
        yield block


def _preceded(first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    if first:
        yield first
    yield from rest


def _as_columns(
    names: list[str], blocks: Iterator[Sequence[Any]], deviations: Mapping[str, int]
) -> dict[str, np.ndarray]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    parts: list[np.ndarray] = []
    places = {column: deviations[name] for column, name in enumerate(names) if name in deviations}
    rows = 0
    for block in blocks:
        rows += len(block)
        if rows > MAX_ROWS:
            raise HistoryFailed(
                f"The history query returns more than {MAX_ROWS:,} rows.", hint="Add ORDER BY test_time DESC LIMIT n."
            )
        try:
            parts.append(np.array(_unpacked(block, places), dtype=np.float64))
        except (TypeError, ValueError):
            raise HistoryFailed("The history query returns something other than numbers.") from None
    table = np.concatenate(parts) if parts else np.empty((0, len(names)))
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(names)}


def _unpacked(block: Sequence[Any], places: Mapping[int, int]) -> Sequence[Any]:
    """The rows with a deviation in the place of each packed covariance."""
    if not places:
        return block
    rows = [list(row) for row in block]
    for column, place in places.items():
        for row in rows:
            (variance,) = struct.unpack_from("<d", bytes(row[column]), 8 * place)
            row[column] = math.sqrt(variance) if variance > 0 else 0.0
    return rows


def _too_slow(max_seconds: float) -> HistoryFailed:
    return HistoryFailed(
        f"The history query was stopped after {max_seconds:g} s.", hint="Add ORDER BY test_time DESC LIMIT n."
    )


# --- what built-in forecasts are made from; identifiers come from integers and checked column names -------------------
def time_span(
    connection: BaseDatabaseWrapper, estimator_id: int, until: float | None = None
) -> tuple[float | None, float | None]:
    """Least and greatest test_time, s, of the estimates up to `until`; None where there is none."""
    condition, values = ("", []) if until is None else (" WHERE test_time <= %s", [until])
    table = quoted(estimates_table(estimator_id))
    with connection.cursor() as cursor:
        # Two subqueries: each is one look into the index, where both in one SELECT would read all of it.
        cursor.execute(
            f"SELECT (SELECT MIN(test_time) FROM {table}{condition}), (SELECT MAX(test_time) FROM {table}{condition})",
            [*values, *values],
        )
        first, last = cursor.fetchone()
    return first, last


def select_spread(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    columns: Sequence[str],
    start: float,
    end: float,
    points: int,
) -> list[tuple[Any, ...]]:
    """(test_time, *columns) of the first estimate in each of so many equal parts of time, and of the newest.

    A look into the index of times for each: as quick for a hundred million estimates as for a thousand.
    """
    table = quoted(estimates_table(estimator_id))
    listed = ", ".join(["e.test_time", *[f"e.{quoted(column)}" for column in columns]])
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE part(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM part WHERE k + 1 < %s), "
            f"chosen AS (SELECT (SELECT p.row_id FROM {table} p WHERE p.test_time >= %s + part.k * %s "
            "AND p.test_time <= %s ORDER BY p.test_time, p.row_id LIMIT 1) AS id FROM part "
            f"UNION SELECT (SELECT p.row_id FROM {table} p WHERE p.test_time <= %s "
            "ORDER BY p.test_time DESC, p.row_id DESC LIMIT 1)) "
            f"SELECT {listed} FROM {table} e WHERE e.row_id IN (SELECT id FROM chosen WHERE id IS NOT NULL) "
            "ORDER BY e.test_time, e.row_id",
            [points, start, (end - start) / points, end, end],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def select_at(
    connection: BaseDatabaseWrapper, estimator_id: int, column: str, times: Sequence[float]
) -> list[tuple[float, float]]:
    """(test_time, mean) of the first estimate at or after each of the times that has one, at most some hundreds."""
    if not times:
        return []
    table = quoted(estimates_table(estimator_id))
    looks = " UNION ".join(
        f"SELECT (SELECT row_id FROM {table} WHERE test_time >= %s ORDER BY test_time, row_id LIMIT 1) AS id"
        for _ in times
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.test_time, e.{quoted(column)} FROM {table} e JOIN ({looks}) chosen ON chosen.id = e.row_id "
            "ORDER BY e.test_time, e.row_id",
            list(times),
        )
        found: list[tuple[float, float]] = cursor.fetchall()
    return found


def mean_rows(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    columns: Sequence[str],
    start: float,
    end: float,
    parts: int,
    longest_hold: float,
) -> list[tuple[Any, ...]]:
    """(part, seconds, *means) of rows over equal parts of `start <= test_time <= end`; parts without rows are left out.

    A row counts for as long as it holds, which is until the next one; not at all where that comes later than
    `longest_hold` s. `seconds` is the time that is known of so.
    """
    part = _part(connection, "held.test_time")
    listed = ", ".join(quoted(column) for column in columns)
    means = ", ".join(
        f"SUM({quoted(column)} * seconds) / NULLIF(SUM(CASE WHEN {quoted(column)} IS NULL THEN 0 ELSE seconds END), 0)"
        for column in columns
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {part} AS part, SUM(seconds), {means} FROM (SELECT test_time, {listed}, "
            "LEAD(test_time) OVER (ORDER BY test_time, row_id) - test_time AS seconds "
            f"FROM {quoted(rows_table(battery_id))} WHERE test_time >= %s AND test_time <= %s) held "
            "WHERE seconds > 0 AND seconds <= %s GROUP BY part ORDER BY part",
            [start, parts / (end - start), start, end, longest_hold],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def mean_estimates(
    connection: BaseDatabaseWrapper, estimator_id: int, column: str, start: float, end: float, parts: int
) -> list[tuple[int, float]]:
    """(part, mean) of one state over equal parts of `start <= test_time <= end`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_part(connection, 'test_time')} AS part, AVG({quoted(column)}) "
            f"FROM {quoted(estimates_table(estimator_id))} WHERE test_time >= %s AND test_time <= %s "
            "GROUP BY part ORDER BY part",
            [start, parts / (end - start), start, end],
        )
        found: list[tuple[int, float]] = cursor.fetchall()
    return found


def _part(connection: BaseDatabaseWrapper, time: str) -> str:
    if connection.vendor == "postgresql":
        return f"CAST(FLOOR(({time} - %s) * %s) AS BIGINT)"
    return f"CAST(({time} - %s) * %s AS INTEGER)"
