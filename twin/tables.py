"""All SQL text of this room: one table of estimates an estimator, named by its integer id, on SQLite and PostgreSQL.

Values are parameters. Identifiers come from integers, or from names of states that passed `columns_of`, and are quoted.
A row of estimates has the id of the row it was made from. test_time never falls from one to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted
from datahub.validators import is_column_name

BEFORE_STATES = ("row_id", "test_time")
AFTER_STATES = ("covariance", "predicted_voltage", "innovation", "innovation_variance")
STORED_TYPES = {
    "sqlite": {"id": "INTEGER", "float": "REAL", "bytes": "BLOB"},
    "postgresql": {"id": "BIGINT", "float": "DOUBLE PRECISION", "bytes": "BYTEA"},
}


class BadStateName(ValueError):
    """A state's name gives no column of its own."""


def estimates_table(estimator_id: int) -> str:
    return f"estimates_{estimator_id:d}"


def columns_of(state_names: Sequence[str]) -> list[str]:
    """The columns of the means, named as ROVI's service names them: dots become `__`, brackets go; raises BadStateName.

    >>> columns_of(["soc", "q_t.base_values", "r0.base_values[0]"])
    ['soc', 'q_t__base_values', 'r0__base_values0']
    """
    columns: list[str] = []
    taken = {name.lower() for name in (*BEFORE_STATES, *AFTER_STATES)}
    for name in state_names:
        column = name.replace(".", "__").replace("[", "").replace("]", "")
        if not is_column_name(column):
            raise BadStateName(
                f"The state {name!r} cannot name a column: 1 to 63 ASCII letters, digits, underscores and dots can."
            )
        if column.lower() in taken:
            raise BadStateName(f"The state {name!r} would have the column {column!r}, which is taken.")
        taken.add(column.lower())
        columns.append(column)
    return columns


# --- the tables themselves -----------------------------------------------------------------------------------------
def create(connection: BaseDatabaseWrapper, estimator_id: int, state_names: Sequence[str]) -> None:
    """Does nothing where it is there already."""
    types = STORED_TYPES[connection.vendor]
    table = estimates_table(estimator_id)
    columns = [
        f"row_id {types['id']} PRIMARY KEY",
        f"test_time {types['float']} NOT NULL",
        *[f"{quoted(column)} {types['float']} NOT NULL" for column in columns_of(state_names)],
        f"covariance {types['bytes']} NOT NULL",
        *[f"{name} {types['float']}" for name in AFTER_STATES[1:]],
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {quoted(table)} ({', '.join(columns)})")
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {quoted(table + '_time')} ON {quoted(table)} (test_time)")


def drop(connection: BaseDatabaseWrapper, estimator_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {quoted(estimates_table(estimator_id))}")


# --- storing -------------------------------------------------------------------------------------------------------
def insert(
    connection: BaseDatabaseWrapper, estimator_id: int, state_names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """`rows` hold row id, test_time, the means, and the columns after them, in this order."""
    names = [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]
    table, listed = quoted(estimates_table(estimator_id)), ", ".join(map(quoted, names))
    if connection.vendor == "postgresql":
        _copy(connection, f"COPY {table} ({listed}) FROM STDIN", rows)
        return
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({', '.join(repeat('%s', len(names)))})", list(rows))


def _copy(connection: BaseDatabaseWrapper, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Ten times as fast as INSERT there; in the transaction that is open."""
    import psycopg  # noqa: PLC0415  (only where PostgreSQL is the database)

    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


# --- reading -------------------------------------------------------------------------------------------------------
def select(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    *,
    start: float | None,
    end: float | None,
    after_row: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Estimates of rows after `after_row` with `start <= test_time < end`, oldest first, with all columns."""
    conditions, values = _window(start, end)
    names = [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(map(quoted, names))} FROM {quoted(estimates_table(estimator_id))} "
            f"WHERE row_id > %s{conditions} ORDER BY row_id LIMIT %s",
            [after_row, *values, limit],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def select_evenly(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    *,
    start: float | None,
    end: float | None,
    every: int,
) -> list[tuple[Any, ...]]:
    """(row id, test_time, means) of every so many-th row of the window, oldest first."""
    conditions, values = _window(start, end)
    names = [*BEFORE_STATES, *columns_of(state_names)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(map(quoted, names))} FROM {quoted(estimates_table(estimator_id))} "
            f"WHERE row_id %% %s = 0{conditions} ORDER BY row_id",
            [every, *values],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def select_rows(
    connection: BaseDatabaseWrapper, estimator_id: int, state_names: Sequence[str], row_ids: Sequence[int]
) -> list[tuple[Any, ...]]:
    """The estimates of these rows, oldest first, with all columns."""
    names = [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]
    listed = ", ".join(f"{row_id:d}" for row_id in row_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(map(quoted, names))} FROM {quoted(estimates_table(estimator_id))} "
            f"WHERE row_id IN ({listed}) ORDER BY row_id"
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def count(connection: BaseDatabaseWrapper, estimator_id: int, start: float | None, end: float | None) -> int:
    conditions, values = _window(start, end)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {quoted(estimates_table(estimator_id))} WHERE 1 = 1{conditions}", values)
        number: int = cursor.fetchone()[0]
    return number


def _window(start: float | None, end: float | None) -> tuple[str, list[float]]:
    conditions, values = "", []
    if start is not None:
        conditions += " AND test_time >= %s"
        values.append(start)
    if end is not None:
        conditions += " AND test_time < %s"
        values.append(end)
    return conditions, values
