"""All SQL text of the pages: questions that go over the tables of several estimators, or of two rooms.

Identifiers come from integers or through datahub.tables.quoted; values are parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted
from twin.tables import estimates_table


def select_of_many(
    connection: BaseDatabaseWrapper, picks: Mapping[int, tuple[str, Sequence[int]]]
) -> list[tuple[int, int, float, Any]]:
    """(estimator id, row id, mean of one state, covariance) of the picked rows of many estimators, in one statement.

    `picks` maps an estimator's id to the column of the state and the row ids.
    """
    parts = [
        f"SELECT {estimator_id:d} AS estimator, row_id, {quoted(column)} AS value, covariance "
        f"FROM {quoted(estimates_table(estimator_id))} WHERE row_id IN ({', '.join(f'{row:d}' for row in rows)})"
        for estimator_id, (column, rows) in picks.items()
        if rows
    ]
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts) + " ORDER BY 1, 2")
        found: list[tuple[int, int, float, Any]] = cursor.fetchall()
    return found


def select_with_truth(
    connection: BaseDatabaseWrapper, estimator_id: int, battery_id: int, columns: Sequence[str], every: int
) -> list[tuple[Any, ...]]:
    """(true SOC, true capacity, true R0, covariance, *means) of every so many-th estimate whose truth is known."""
    listed = ", ".join(f"e.{quoted(column)}" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.true_soc, t.true_capacity, t.true_r0, e.covariance, {listed} "
            f"FROM {quoted(estimates_table(estimator_id))} e "
            "JOIN datahub_truth t ON t.battery_id = %s AND t.test_time = e.test_time "
            "WHERE e.row_id %% %s = 0",
            [battery_id, every],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def select_mean_nis(
    connection: BaseDatabaseWrapper, estimator_id: int, rows: int, start: float, end: float, after_row: int = 0
) -> list[tuple[float, float]]:
    """(test_time of the middle, mean of innovation² over its variance) of each so many rows of `start <= t <= end`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT AVG(test_time), AVG(innovation * innovation / innovation_variance) "
            f"FROM {quoted(estimates_table(estimator_id))} "
            "WHERE test_time >= %s AND test_time <= %s AND row_id > %s AND innovation_variance > 0 "
            "GROUP BY (row_id - 1) / %s HAVING COUNT(*) * 2 >= %s ORDER BY 1",
            [start, end, after_row, rows, rows],
        )
        found: list[tuple[float, float]] = cursor.fetchall()
    return found
