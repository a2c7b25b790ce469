"""The SQL text of this room: one row table a battery, named by its integer id, on SQLite and PostgreSQL.

Values are parameters. Identifiers come from integers, or from column names that passed `validators.is_column_name`, and
are quoted. `row_id` is the order of arrival and the cursor of readers; rows never change, and are deleted only from the
front of that order. The newest row always stays: without it SQLite would give its id once more.
How rows come in is in `ingest/tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    columns = [
        f"row_id {ROW_ID_TYPES[connection.vendor]}",
        "row_digest BIGINT NOT NULL",
        "row_late BOOLEAN NOT NULL",
        f"received {types['float']} NOT NULL",
        f"{TEST_TIME} {types['float']}",
        *[f"{quoted(name)} {types[kind]}" for name, kind in kinds.items() if name != TEST_TIME],
        # What makes the same row stored once, and what finds a window of time. Rows without test_time are all distinct.
        # Not an index beside the table: SQLite searches its whole schema after each statement that changes it.
        f"UNIQUE ({TEST_TIME}, row_digest)",
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(rows_table(battery_id))} ({', '.join(columns)})")


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


# --- deleting the oldest -------------------------------------------------------------------------------------------
def oldest(connection: BaseDatabaseWrapper, battery_id: int, limit: int) -> list[tuple[int, float]]:
    """(row_id, received) of the rows that came first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_id, received FROM {quoted(rows_table(battery_id))} ORDER BY row_id LIMIT %s", [limit]
        )
        rows: list[tuple[int, float]] = cursor.fetchall()
    return rows


def delete_oldest(connection: BaseDatabaseWrapper, battery_id: int, last: int) -> tuple[int, float | None]:
    """Deletes the rows up to the one with this id; how many those were, and the greatest test_time of them."""
    table = quoted(rows_table(battery_id))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MAX({TEST_TIME}) FROM {table} WHERE row_id <= %s", [last])
        greatest: float | None = cursor.fetchone()[0]
        cursor.execute(f"DELETE FROM {table} WHERE row_id <= %s", [last])
        return cursor.rowcount, greatest


def least_test_time(connection: BaseDatabaseWrapper, battery_id: int) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN({TEST_TIME}) FROM {quoted(rows_table(battery_id))}")
        least: float | None = cursor.fetchone()[0]
    return least


def has_late_rows(connection: BaseDatabaseWrapper, battery_id: int, since: float, after: int, up_to: int) -> bool:
    """Whether a row that came late, with an id above `after` and up to `up_to`, has at least this test_time."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {quoted(rows_table(battery_id))} "
            f"WHERE row_late AND {TEST_TIME} >= %s AND row_id > %s AND row_id <= %s LIMIT 1",
            [since, after, up_to],
        )
        return cursor.fetchone() is not None


# --- reading -------------------------------------------------------------------------------------------------------
def newest_row_id(connection: BaseDatabaseWrapper, battery_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(row_id), 0) FROM {quoted(rows_table(battery_id))}")
        newest: int = cursor.fetchone()[0]
    return newest


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


def select_times_beside(
    connection: BaseDatabaseWrapper, battery_id: int, time: float, count: int, needed: Sequence[str]
) -> list[float]:
    """Distinct test_times after that one, or before it where `count` is negative, in order."""
    beyond, order = (">", "ASC") if count > 0 else ("<", "DESC")
    conditions = " AND ".join([f"{TEST_TIME} {beyond} %s", *[f"{quoted(name)} IS NOT NULL" for name in needed]])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {TEST_TIME} FROM {quoted(rows_table(battery_id))} WHERE {conditions} "
            f"ORDER BY {TEST_TIME} {order} LIMIT %s",
            [time, abs(count)],
        )
        return sorted(row[0] for row in cursor.fetchall())


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
