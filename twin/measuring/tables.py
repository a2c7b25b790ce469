"""SQL of the measurements beside Django's own: many batteries' progress in one statement, SOC of an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import TEST_TIME, quoted, rows_table
from twin.tables import estimates_table

UPDATE_PROGRESS = """
    UPDATE twin_measuredprogress SET
        cursor = %s, rows_seen = %s, latest_time = %s, checkpoint = %s, checkpoint_rows = %s,
        soc_estimator = %s, soc_series = %s, soc_cursor = %s, soc_time = %s, soc_row = %s, soc_checkpoint = %s,
        updated = %s
    WHERE battery_id = %s
"""


def update_progress(connection: BaseDatabaseWrapper, values: Iterable[Sequence[Any]]) -> None:
    """Values in the order of UPDATE_PROGRESS, a battery each."""
    with connection.cursor() as cursor:
        cursor.executemany(UPDATE_PROGRESS, list(values))


def what_waits(
    connection: BaseDatabaseWrapper, battery_id: int, cursor: int, dropped_until: float | None = None
) -> tuple[int, int, float | None]:
    """How many rows came after the one with the id `cursor`, the greatest id, least test_time (s) of the late ones.

    Of the late ones those up to `dropped_until` do not count.
    """
    condition, values = ("", []) if dropped_until is None else (f" AND {TEST_TIME} > %s", [dropped_until])
    with connection.cursor() as asked:
        asked.execute(
            f"SELECT COUNT(*), MAX(row_id), MIN(CASE WHEN row_late{condition} THEN {TEST_TIME} END) "
            f"FROM {quoted(rows_table(battery_id))} WHERE row_id > %s",
            [*values, cursor],
        )
        rows, newest, late_from = asked.fetchone()
    return rows, newest or cursor, late_from


def select_soc(
    connection: BaseDatabaseWrapper,
    estimator_id: int,
    column: str,
    after: tuple[float, int] | None,
    limit: int,
) -> list[tuple[int, float, float]]:
    """(row id, test_time, SOC) of estimates after that place, in order of (test_time, row_id)."""
    condition = "" if after is None else "WHERE test_time >= %s AND (test_time > %s OR row_id > %s) "
    values: list[Any] = [] if after is None else [after[0], after[0], after[1]]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_id, test_time, {quoted(column)} FROM {quoted(estimates_table(estimator_id))} {condition}"
            "ORDER BY test_time, row_id LIMIT %s",
            [*values, limit],
        )
        found: list[tuple[int, float, float]] = cursor.fetchall()
    return found


def select_states(
    connection: BaseDatabaseWrapper, estimator_id: int, columns: Sequence[str], row_ids: Sequence[int]
) -> list[tuple[Any, ...]]:
    """(row id, covariance, the states of these columns) of the estimates of these rows."""
    listed = ", ".join(["row_id", "covariance", *map(quoted, columns)])
    ids = ", ".join(f"{row_id:d}" for row_id in row_ids)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {listed} FROM {quoted(estimates_table(estimator_id))} WHERE row_id IN ({ids})")
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
