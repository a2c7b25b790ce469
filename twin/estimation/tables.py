"""SQL of replacing estimates by those that a recomputation has put into its scratch table.

A short end is moved in one transaction, in which others that write have to wait on SQLite. Where it is long, what comes
before it is copied into the scratch table in small transactions; then both tables change their names, which takes no
longer for millions of rows than for one, and the old one is deleted in small transactions, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted
from twin.tables import AFTER_STATES, BEFORE_STATES, beyond, columns_of, estimates_table, replaced_table

REPLACED = re.compile(r"estimates_(\d+)_old")


def replace_tail(
    connection: BaseDatabaseWrapper, estimator_id: int, state_names: Sequence[str], after: tuple[float, int] | None
) -> None:
    """What comes after (test_time, row_id), None: all, becomes what the scratch table holds; that one is dropped."""
    names = _names(state_names)
    table, scratch = quoted(estimates_table(estimator_id)), quoted(estimates_table(estimator_id, again=True))
    condition, values = beyond(after)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE 1 = 1{condition}", values)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {scratch}")
        cursor.execute(f"DROP TABLE {scratch}")


def copy_head(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    state_names: Sequence[str],
    until: tuple[float, int],
    limit: int,
) -> int:
    """Puts the next so many estimates up to (test_time, row_id) into the scratch table; tells how many there were."""
    names = _names(state_names)
    table, scratch = quoted(estimates_table(estimator_id)), quoted(estimates_table(estimator_id, again=True))
    up_to, end = "test_time <= %s AND (test_time < %s OR row_id <= %s)", [until[0], until[0], until[1]]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT test_time, row_id FROM {scratch} WHERE {up_to} ORDER BY test_time DESC, row_id DESC LIMIT 1", end
        )
        condition, values = beyond(cursor.fetchone())
        cursor.execute(
            f"INSERT INTO {scratch} ({names}) SELECT {names} FROM {table} WHERE {up_to}{condition} "
            "ORDER BY test_time, row_id LIMIT %s",
            [*end, *values, limit],
        )
        copied: int = cursor.rowcount
    return copied


def take_the_place(connection: BaseDatabaseWrapper, estimator_id: int) -> None:
    """The scratch table, in which all is, becomes that of the estimates; `delete_replaced` deletes the other."""
    table, old = quoted(estimates_table(estimator_id)), quoted(replaced_table(estimator_id))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {old}")
        cursor.execute(f"ALTER TABLE {table} RENAME TO {old}")
        cursor.execute(f"ALTER TABLE {quoted(estimates_table(estimator_id, again=True))} RENAME TO {table}")


def with_replaced(connection: BaseDatabaseWrapper) -> list[int]:
    """Ids of the estimators that have a series to be deleted."""
    found = map(REPLACED.fullmatch, connection.introspection.table_names())
    return sorted(int(match[1]) for match in found if match)


def delete_replaced(connection: BaseDatabaseWrapper, estimator_id: int, limit: int) -> bool:
    """So many rows of the series; where none is left, the table. Tells whether there is more."""
    old = quoted(replaced_table(estimator_id))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {old} WHERE row_id IN (SELECT row_id FROM {old} ORDER BY row_id LIMIT %s)", [limit]
        )
        if cursor.rowcount == limit:
            return True
        cursor.execute(f"DROP TABLE {old}")
    return False


def _names(state_names: Sequence[str]) -> str:
    return ", ".join(map(quoted, [*BEFORE_STATES, *columns_of(state_names), *AFTER_STATES]))
