"""All SQL text of this room: one row table a battery, named by its integer id, on SQLite and PostgreSQL.

Values are parameters. Identifiers come from integers, or from column names that passed `validators.is_column_name`, and
are quoted. `row_id` is the order of arrival and the cursor of readers; rows never change and are never deleted singly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.validators import is_column_name

TEST_TIME = "test_time"

SQL_TYPES = {"integer": "BIGINT", "float": "DOUBLE PRECISION", "boolean": "BOOLEAN", "text": "TEXT"}
STORED_TYPES = {
    "sqlite": {"integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN", "text": "TEXT"},
    "postgresql": SQL_TYPES,
}
ROW_ID_TYPES = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
}


def rows_table(battery_id: int) -> str:
    return f"rows_{battery_id:d}"


def quoted(name: str) -> str:
    """A column's or table's name in SQL; a name that was never checked stops here."""
    if not is_column_name(name):
        raise ValueError(f"{name!r} is no identifier of ours.")
    return f'"{name}"'


# --- the tables themselves -----------------------------------------------------------------------------------------
def create(connection: BaseDatabaseWrapper, battery_id: int, kinds: Mapping[str, str]) -> None:
    """The table of a battery's rows, with `test_time` even when no row has had one yet."""
    types = STORED_TYPES[connection.vendor]
    table = rows_table(battery_id)
    columns = [
        f"row_id {ROW_ID_TYPES[connection.vendor]}",
        "row_digest BIGINT NOT NULL",
        "row_late BOOLEAN NOT NULL",
        f"received {types['float']} NOT NULL",
        f"{TEST_TIME} {types['float']}",
        *[f"{quoted(name)} {types[kind]}" for name, kind in kinds.items() if name != TEST_TIME],
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(table)} ({', '.join(columns)})")
        # What makes the same row stored once, and what finds a window of time. Rows without test_time are all distinct.
        cursor.execute(f"CREATE UNIQUE INDEX {quoted(table + '_once')} ON {quoted(table)} ({TEST_TIME}, row_digest)")


def drop(connection: BaseDatabaseWrapper, battery_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {quoted(rows_table(battery_id))}")


def add_columns(connection: BaseDatabaseWrapper, battery_id: int, kinds: Mapping[str, str]) -> None:
    types = STORED_TYPES[connection.vendor]
    with connection.cursor() as cursor:
        for name, kind in kinds.items():
            if name != TEST_TIME:
                cursor.execute(f"ALTER TABLE {quoted(rows_table(battery_id))} ADD COLUMN {quoted(name)} {types[kind]}")


def widen_to_float(connection: BaseDatabaseWrapper, battery_id: int, names: Iterable[str]) -> None:
    """Makes integer columns take floats. SQLite's do already: there only the map of kinds changes."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(
                f"ALTER TABLE {quoted(rows_table(battery_id))} ALTER COLUMN {quoted(name)} TYPE DOUBLE PRECISION"
            )


def has_integers_beyond(connection: BaseDatabaseWrapper, battery_id: int, name: str, bound: int) -> bool:
    column = quoted(name)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {quoted(rows_table(battery_id))} WHERE {column} > %s OR {column} < %s LIMIT 1",
            [bound, -bound],
        )
        return cursor.fetchone() is not None


# --- storing -------------------------------------------------------------------------------------------------------
def insert(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    kinds: Mapping[str, str],
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
    digests: Sequence[int],
    late: Sequence[bool],
    received: Sequence[float],
) -> int:
    """Stores the rows that are not there yet, in their order; returns how many those were."""
    table = quoted(rows_table(battery_id))
    listed = ", ".join(["row_digest", "row_late", "received", *[quoted(name) for name in names]])
    if connection.vendor == "postgresql":
        arrays = [
            "%b::bigint[]",
            "%b::boolean[]",
            "%b::double precision[]",
            *[f"%{'t' if kinds[name] == 'text' else 'b'}::{SQL_TYPES[kinds[name]]}[]" for name in names],
        ]
        statement = f"INSERT INTO {table} ({listed}) SELECT * FROM unnest({', '.join(arrays)}) ON CONFLICT DO NOTHING"
        return _insert_arrays(connection, statement, [digests, late, received, *columns])
    rows = list(zip(digests, late, received, *columns, strict=True))
    return _insert_many_a_statement(connection, f"INSERT INTO {table} ({listed}) VALUES", 3 + len(names), rows)


ROWS_A_STATEMENT = (64, 16, 4, 1)
VALUES_A_STATEMENT = 30_000  # SQLite takes 32,766


def _insert_many_a_statement(
    connection: BaseDatabaseWrapper, statement: str, width: int, rows: list[tuple[Any, ...]]
) -> int:
    """SQLite's module lets go of Python's lock while a statement runs, and must win it back after each.

    With `executemany` that is after each row: beside an event loop that works hard it stored 24,000 rows/s, and many
    rows a statement 115,000. The few sizes keep the statements in the module's cache.
    """
    stored = done = 0
    connection.ensure_connection()
    with connection.wrap_database_errors:
        for size in ROWS_A_STATEMENT:
            text = f"{statement} {_marks(width, size)} ON CONFLICT DO NOTHING"
            while len(rows) - done >= size and (size == 1 or size * width <= VALUES_A_STATEMENT):
                values = list(chain.from_iterable(rows[done : done + size]))
                stored += connection.connection.execute(text, values).rowcount
                done += size
    return stored


@lru_cache(maxsize=1024)
def _marks(width: int, rows: int) -> str:
    return ",".join(repeat("(" + ",".join(repeat("?", width)) + ")", rows))


def _insert_arrays(connection: BaseDatabaseWrapper, statement: str, arrays: list[Sequence[Any]]) -> int:
    """One statement for all rows. Django's own cursor would write the arrays out as text on this side."""
    import psycopg  # noqa: PLC0415  (only where PostgreSQL is the database)

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, [list(array) for array in arrays])
        return cursor.rowcount


def newest_row_id(connection: BaseDatabaseWrapper, battery_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(row_id), 0) FROM {quoted(rows_table(battery_id))}")
        newest: int = cursor.fetchone()[0]
    return newest


def late_rows_after(connection: BaseDatabaseWrapper, battery_id: int, row_id: int) -> tuple[int, float | None]:
    """How many rows after this one are late, and the least test_time of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*), MIN({TEST_TIME}) FROM {quoted(rows_table(battery_id))} WHERE row_id > %s AND row_late",
            [row_id],
        )
        count, least = cursor.fetchone()
        return count, least


UPDATE_COUNTERS = """
    UPDATE datahub_battery SET
        rows = %s, late_rows = %s, repeated_rows = %s, refused_rows = %s, non_finite_values = %s,
        first_test_time = %s, last_test_time = %s, late_from = %s, last_received = %s, interval_seconds = %s
    WHERE id = %s
"""


def update_counters(connection: BaseDatabaseWrapper, counters: Iterable[Sequence[Any]]) -> None:
    """Values in the order of UPDATE_COUNTERS, a battery each."""
    with connection.cursor() as cursor:
        cursor.executemany(UPDATE_COUNTERS, list(counters))


# --- reading -------------------------------------------------------------------------------------------------------
def select_rows(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    names: Sequence[str],
    *,
    after: int = 0,
    start: float | None = None,
    end: float | None = None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """(row_id, row_late, received, *names) in order of arrival; `start <= test_time < end`."""
    conditions: list[str] = ["row_id > %s"]
    values: list[Any] = [after]
    _add_window(conditions, values, start, end)
    listed = ", ".join(["row_id", "row_late", "received", *[quoted(name) for name in names]])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {listed} FROM {quoted(rows_table(battery_id))} WHERE {' AND '.join(conditions)} "
            "ORDER BY row_id LIMIT %s",
            [*values, limit],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def select_in_order(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    names: Sequence[str],
    *,
    after: tuple[float, int] | None = None,
    up_to: int | None = None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """As `select_rows`, in order of (test_time, row_id): those after that place, and with no id above `up_to`.

    Rows without test_time have no place in it. The index that keeps rows unique serves this, too.
    """
    conditions: list[str] = [f"{TEST_TIME} IS NOT NULL"]
    values: list[Any] = []
    if after is not None:
        conditions.append(f"{TEST_TIME} >= %s AND ({TEST_TIME} > %s OR row_id > %s)")
        values += [after[0], after[0], after[1]]
    if up_to is not None:
        conditions.append("row_id <= %s")
        values.append(up_to)
    listed = ", ".join(["row_id", "row_late", "received", *[quoted(name) for name in names]])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {listed} FROM {quoted(rows_table(battery_id))} WHERE {' AND '.join(conditions)} "
            f"ORDER BY {TEST_TIME}, row_id LIMIT %s",
            [*values, limit],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def count_up_to(
    connection: BaseDatabaseWrapper, battery_id: int, needed: Sequence[str], place: tuple[float, int], up_to: int
) -> tuple[int, int | None, int | None, float | None, int]:
    """Of rows up to a place of (test_time, row_id) and up to id `up_to`, those with a value in each needed column.

    Returns their number, least and greatest row id and least test_time; and the number of the others.
    """
    whole = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in needed)
    of_whole = f"CASE WHEN {whole} THEN %s END"
    parts = [of_whole % "1", of_whole % "row_id", of_whole % "row_id", of_whole % TEST_TIME]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT({parts[0]}), MIN({parts[1]}), MAX({parts[2]}), MIN({parts[3]}), COUNT(*) "
            f"FROM {quoted(rows_table(battery_id))} "
            f"WHERE {TEST_TIME} <= %s AND ({TEST_TIME} < %s OR row_id <= %s) AND row_id <= %s",
            [place[0], place[0], place[1], up_to],
        )
        count, first, last, begun, total = cursor.fetchone()
    return count, first, last, begun, total - count


def _add_window(conditions: list[str], values: list[Any], start: float | None, end: float | None) -> None:
    if start is not None:
        conditions.append(f"{TEST_TIME} >= %s")
        values.append(start)
    if end is not None:
        conditions.append(f"{TEST_TIME} < %s")
        values.append(end)
