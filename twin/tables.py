"""All SQL text of this room: one table of estimates an estimator, named by its integer id, on SQLite and PostgreSQL.

Values are parameters. Identifiers come from integers, or from names of states that passed `columns_of`, and are quoted.
A row of estimates has the id of the row it was made from. Their order is that of (test_time, row_id): late rows have
greater ids than rows that are newer. Beside it may lie a scratch table, which a recomputation fills and which then
replaces the end of it: the SQL of that is in twin/estimation/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, BooleanField, Field, FloatField, IntegerField, Model

from datahub.tables import quoted, rows_table
from datahub.validators import is_column_name

BEFORE_STATES = ("row_id", "test_time")
AFTER_STATES = ("covariance", "predicted_voltage", "innovation", "innovation_variance", "computed")
STORED_TYPES = {
    "sqlite": {"id": "INTEGER", "float": "REAL", "bytes": "BLOB"},
    "postgresql": {"id": "BIGINT", "float": "DOUBLE PRECISION", "bytes": "BYTEA"},
}


class BadStateName(ValueError):
    """A state's name gives no column of its own."""


def estimates_table(estimator_id: int, *, again: bool = False) -> str:
    return f"estimates_{estimator_id:d}{'_again' if again else ''}"


def replaced_table(estimator_id: int) -> str:
    """Where a long series lies that was replaced, until it is deleted bit by bit."""
    return f"estimates_{estimator_id:d}_old"


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
def create(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    *,
    again: bool = False,
    series: int = 0,
) -> None:
    """Does nothing where it is there already. With `again` the scratch table, for estimates of another series.

    It may take the place of the other with its index, whose name no other may have.
    """
    types = STORED_TYPES[connection.vendor]
    table = estimates_table(estimator_id, again=again)
    columns = [
        f"row_id {types['id']} PRIMARY KEY",
        f"test_time {types['float']} NOT NULL",
        *[f"{quoted(column)} {types['float']} NOT NULL" for column in columns_of(state_names)],
        f"covariance {types['bytes']} NOT NULL",
        *[f"{name} {types['float']}" for name in AFTER_STATES[1:]],
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {quoted(table)} ({', '.join(columns)})")
        index = quoted(estimates_table(estimator_id) + (f"_time_{series:d}" if again else "_time"))
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table)} (test_time)")


def drop(connection: BaseDatabaseWrapper, estimator_id: int, *, again: bool = False) -> None:
    """With `again` the scratch table alone; else all."""
    scratch = estimates_table(estimator_id, again=True)
    with connection.cursor() as cursor:
        for table in [scratch] if again else [scratch, replaced_table(estimator_id), estimates_table(estimator_id)]:
            cursor.execute(f"DROP TABLE IF EXISTS {quoted(table)}")


def add_computed(connection: BaseDatabaseWrapper, estimator_id: int, state_names: Sequence[str]) -> list[str]:
    """For tables made before there was `computed`; a state of that name is renamed. Returns the names of the states."""
    table, names = quoted(estimates_table(estimator_id)), list(state_names)
    with connection.cursor() as cursor:
        for place, name in enumerate(names):
            if name.lower() == "computed":
                names[place] = f"{name}_by_script"
                cursor.execute(f"ALTER TABLE {table} RENAME COLUMN {quoted(name)} TO {quoted(names[place])}")
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN computed {STORED_TYPES[connection.vendor]['float']}")
    return names


def drop_computed(connection: BaseDatabaseWrapper, estimator_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quoted(estimates_table(estimator_id))} DROP COLUMN computed")


# --- storing -------------------------------------------------------------------------------------------------------
def insert(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    again: bool = False,
) -> None:
    """`rows` hold row id, test_time, the means, and the columns after them, in this order."""
    statement = _insertion(connection.vendor, estimates_table(estimator_id, again=again), tuple(state_names))
    if connection.vendor == "postgresql":
        _copy(connection, statement, rows)
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


@lru_cache(maxsize=20_000)
def _insertion(vendor: str, table: str, state_names: tuple[str, ...]) -> str:
    """The same for a table each time, and a fleet has thousands in each round."""
    names = [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]
    listed = ", ".join(map(quoted, names))
    if vendor == "postgresql":
        return f"COPY {quoted(table)} ({listed}) FROM STDIN"
    return f"INSERT INTO {quoted(table)} ({listed}) VALUES ({', '.join(repeat('%s', len(names)))})"


def thin(connection: BaseDatabaseWrapper, estimator_id: int, begin: float, end: float, seconds: float) -> int:
    """Of estimates with `begin <= test_time < end` the last of each so many seconds stays; tells how many went."""
    table = quoted(estimates_table(estimator_id))
    part = "CAST(FLOOR(test_time / %s) AS BIGINT)" if connection.vendor == "postgresql" else _FLOOR_IN_SQLITE
    values = [seconds] * part.count("%s")
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE row_id IN (SELECT row_id FROM (SELECT row_id, ROW_NUMBER() OVER ("
            f"PARTITION BY {part} ORDER BY test_time DESC, row_id DESC) AS place FROM {table} "
            "WHERE test_time >= %s AND test_time < %s) AS numbered WHERE place > 1)",
            [*values, begin, end],
        )
        gone: int = cursor.rowcount
    return gone


# Its FLOOR is an option that not every build has, and its CAST cuts towards zero.
_FLOOR_IN_SQLITE = (
    "(CAST(test_time / %s AS INTEGER) - (test_time < 0 AND test_time / %s <> CAST(test_time / %s AS INTEGER)))"
)


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


def update_each(connection: BaseDatabaseWrapper, model: type[Model], changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Fields of many records, by primary key, each with values of its own: a statement for each set of fields.

    Django's own `bulk_update` and `update` cost several times as much as SQLite takes for the writing.
    """
    connection = connections[connection.alias]  # what is handed over may be a proxy, which looks it up at each turn
    alike: dict[tuple[str, ...], list[int]] = {}
    for key, values in changes.items():
        alike.setdefault(tuple(values), []).append(key)
    for names, keys in alike.items():
        fields = [each for each in model._meta.concrete_fields if each.name in names]
        assigned = ", ".join(f"{quoted(str(each.column))} = %s" for each in fields)
        columns = [_as_stored(connection, each, [changes[key][each.name] for key in keys]) for each in fields]
        rows = list(zip(*columns, keys, strict=True))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {quoted(model._meta.db_table)} SET {assigned} WHERE {quoted(str(model._meta.pk.column))} = %s",
                rows,
            )


def _as_stored(connection: BaseDatabaseWrapper, field: Field[Any, Any], values: list[Any]) -> list[Any]:
    """Numbers and bytes go to the database as they are; Django's looking at each costs more than SQLite's writing."""
    if isinstance(field, FloatField | IntegerField | BooleanField | BinaryField):
        return values
    return [field.get_db_prep_save(value, connection) for value in values]


# --- reading -------------------------------------------------------------------------------------------------------
def select(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    *,
    start: float | None,
    end: float | None,
    after: tuple[float, int] | None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Estimates after (test_time, row_id) with `start <= test_time < end`, oldest first, with all columns."""
    conditions, values = _window(start, end)
    later, keys = beyond(after)
    names = [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(map(quoted, names))} FROM {quoted(estimates_table(estimator_id))} "
            f"WHERE 1 = 1{conditions}{later} ORDER BY test_time, row_id LIMIT %s",
            [*values, *keys, limit],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def place_of(connection: BaseDatabaseWrapper, estimator_id: int, row_id: int) -> tuple[float, int] | None:
    """(test_time, row_id) of the row's estimate, or of the one that came last before it where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT test_time, row_id FROM {quoted(estimates_table(estimator_id))} "
            "WHERE row_id <= %s ORDER BY row_id DESC LIMIT 1",
            [row_id],
        )
        found: tuple[float, int] | None = cursor.fetchone()
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
    """(row id, test_time, means) of every so many-th row of the window, oldest first.

    Counted, not by row id: ids of thinned estimates may all leave the same remainder.
    """
    conditions, values = _window(start, end)
    names = ", ".join(map(quoted, [*BEFORE_STATES, *columns_of(state_names)]))
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT {names} FROM (SELECT {names}, ROW_NUMBER() OVER (ORDER BY test_time, row_id) AS "place of row" '
            f"FROM {quoted(estimates_table(estimator_id))} WHERE 1 = 1{conditions}) AS numbered "
            'WHERE ("place of row" - 1) %% %s = 0 ORDER BY test_time, row_id',
            [*values, every],
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
            f"WHERE row_id IN ({listed}) ORDER BY test_time, row_id"
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def count(connection: BaseDatabaseWrapper, estimator_id: int, start: float | None, end: float | None) -> int:
    conditions, values = _window(start, end)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {quoted(estimates_table(estimator_id))} WHERE 1 = 1{conditions}", values)
        number: int = cursor.fetchone()[0]
    return number


def first_time(connection: BaseDatabaseWrapper, estimator_id: int) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN(test_time) FROM {quoted(estimates_table(estimator_id))}")
        least: float | None = cursor.fetchone()[0]
    return least


def last_row(connection: BaseDatabaseWrapper, estimator_id: int, until: float | None) -> int | None:
    """Id of the row of the last estimate with `test_time <= until`; None where there is none."""
    condition, values = ("", []) if until is None else (" WHERE test_time <= %s", [until])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_id FROM {quoted(estimates_table(estimator_id))}{condition} "
            "ORDER BY test_time DESC, row_id DESC LIMIT 1",
            values,
        )
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def time_after(connection: BaseDatabaseWrapper, estimator_id: int, begin: float, rows: int) -> float | None:
    """test_time of the estimate that lies so many after `begin`; None where there are fewer."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT test_time FROM {quoted(estimates_table(estimator_id))} WHERE test_time >= %s "
            "ORDER BY test_time LIMIT 1 OFFSET %s",
            [begin, rows],
        )
        found = cursor.fetchone()
    return None if found is None else float(found[0])


def late_rows_missing(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    battery_id: int,
    late_from: float,
    place: tuple[float, int],
    up_to: int,
    worked_in: int,
    full_rate_from: float,
) -> int:
    """How many late rows from `late_from` on, before a place of (test_time, row_id), have no estimate so far.

    Before `full_rate_from` (s) the estimates of rows up to the id `worked_in` may have been thinned: none is missing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM {quoted(rows_table(battery_id))} r WHERE r.row_late AND r.test_time >= %s "
            "AND r.test_time <= %s AND (r.test_time < %s OR r.row_id <= %s) AND r.row_id <= %s "
            "AND (r.row_id > %s OR r.test_time >= %s) AND NOT EXISTS "
            f"(SELECT 1 FROM {quoted(estimates_table(estimator_id))} e WHERE e.row_id = r.row_id)",
            [late_from, place[0], place[0], place[1], up_to, worked_in, full_rate_from],
        )
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


def beyond(after: tuple[float, int] | None) -> tuple[str, list[float]]:
    """Written so that an index on test_time serves it."""
    if after is None:
        return "", []
    return " AND test_time >= %s AND (test_time > %s OR row_id > %s)", [after[0], after[0], after[1]]
