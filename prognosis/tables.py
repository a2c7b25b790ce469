"""Running a history query so that it can read one table and do nothing else, for a bounded time."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, transaction

from prognosis.errors import HistoryFailed
from prognosis.forecasting.sql import FUNCTIONS

if TYPE_CHECKING:
    import numpy as np

MAX_ROWS = 1_000_000
MAX_SECONDS = 10.0
ROWS_AT_ONCE = 20_000
SQLITE_STEPS_BETWEEN_LOOKS = 20_000  # about a millisecond


def sql_dialect(vendor: str) -> str:
    """The name of a database's SQL for the parser, from Django's name of the database."""
    return {"sqlite": "sqlite", "postgresql": "postgres"}[vendor]


def read_history(sql: str, table: str, max_seconds: float = MAX_SECONDS) -> dict[str, np.ndarray]:
    """The columns that `sql`, a checked query over `table`, selects, as floats with NaN for NULL.

    Raises HistoryFailed when it takes too long, returns more than MAX_ROWS, or the database refuses it.
    """
    read = _read_sqlite if connection.vendor == "sqlite" else _read_postgresql
    return read(sql, table, max_seconds)


def newest_time(table: str) -> float | None:
    """The greatest test_time, s, among the estimates in `table`, whose name comes from an integer; None without any."""
    (newest,) = read_history(f'SELECT MAX("test_time") AS newest FROM "{table}"', table)["newest"]
    return None if math.isnan(newest) else float(newest)


def _read_sqlite(sql: str, table: str, max_seconds: float) -> dict[str, np.ndarray]:
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
            return _as_columns([column[0] for column in cursor.description], _blocks(cursor.fetchmany))
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


def _read_postgresql(sql: str, table: str, max_seconds: float) -> dict[str, np.ndarray]:
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
                return _as_columns([column[0] for column in cursor.description], _preceded(first, blocks))
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


def _as_columns(names: list[str], blocks: Iterator[Sequence[Any]]) -> dict[str, np.ndarray]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    parts: list[np.ndarray] = []
    rows = 0
    for block in blocks:
        rows += len(block)
        if rows > MAX_ROWS:
            raise HistoryFailed(
                f"The history query returns more than {MAX_ROWS:,} rows.", hint="Add ORDER BY test_time DESC LIMIT n."
            )
        try:
            parts.append(np.array(block, dtype=np.float64))
        except (TypeError, ValueError):
            raise HistoryFailed("The history query returns something other than numbers.") from None
    table = np.concatenate(parts) if parts else np.empty((0, len(names)))
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(names)}


def _too_slow(max_seconds: float) -> HistoryFailed:
    return HistoryFailed(
        f"The history query was stopped after {max_seconds:g} s.", hint="Add ORDER BY test_time DESC LIMIT n."
    )
