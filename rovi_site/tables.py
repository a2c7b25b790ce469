"""All SQL text of the pages: questions that go over the tables of several estimators, or of two rooms.

Identifiers come from integers or through datahub.tables.quoted; values are parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted, rows_table
from twin.tables import estimates_table


def select_of_many(
    connection: BaseDatabaseWrapper, picks: Mapping[int, tuple[str, Sequence[int]]]
) -> list[tuple[int, float, int, float, Any]]:
    """(estimator id, test_time, row id, mean of one state, covariance) of picked rows of many, in one statement.

    `picks` maps an estimator's id to the column of the state and the row ids.
    """
    parts = [
        f"SELECT {estimator_id:d} AS estimator, test_time, row_id, {quoted(column)} AS value, covariance "
        f"FROM {quoted(estimates_table(estimator_id))} WHERE row_id IN ({', '.join(f'{row:d}' for row in rows)})"
        for estimator_id, (column, rows) in picks.items()
        if rows
    ]
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts) + " ORDER BY 1, 2, 3")
        found: list[tuple[int, float, int, float, Any]] = cursor.fetchall()
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
            "SELECT AVG(test_time), AVG(nis) FROM (SELECT test_time, "
            "innovation * innovation / innovation_variance AS nis, "
            "ROW_NUMBER() OVER (ORDER BY test_time, row_id) - 1 AS place "
            f"FROM {quoted(estimates_table(estimator_id))} "
            "WHERE test_time >= %s AND test_time <= %s AND row_id > %s AND innovation_variance > 0) AS numbered "
            "GROUP BY place / %s HAVING COUNT(*) * 2 >= %s ORDER BY 1",
            [start, end, after_row, rows, rows],
        )
        found: list[tuple[float, float]] = cursor.fetchall()
    return found


def count_innovations(connection: BaseDatabaseWrapper, estimator_id: int, start: float, end: float) -> int:
    """How many estimates of `start <= t <= end` came with a prediction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM {quoted(estimates_table(estimator_id))} "
            "WHERE test_time >= %s AND test_time <= %s AND innovation_variance > 0",
            [start, end],
        )
        number: int = cursor.fetchone()[0]
    return number


def select_innovations(
    connection: BaseDatabaseWrapper, estimator_id: int, start: float, end: float, every: int
) -> list[tuple[float, float, float]]:
    """(test_time, innovation in V, its expected variance) of every so many-th row of `start <= t <= end`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT test_time, innovation, innovation_variance FROM {quoted(estimates_table(estimator_id))} "
            "WHERE test_time >= %s AND test_time <= %s AND innovation_variance > 0 AND row_id %% %s = 0 "
            "ORDER BY test_time, row_id",
            [start, end, every],
        )
        found: list[tuple[float, float, float]] = cursor.fetchall()
    return found


def select_differences(
    connection: BaseDatabaseWrapper, a: int, b: int, pairs: Sequence[tuple[str, str]], every: int
) -> tuple[int, list[float], list[float]]:
    """Of rows that two estimators have both estimated, every so many-th: how many, and of each pair of columns the mean
    square of b less a; and that difference at the newest common row."""
    joined = f"FROM {quoted(estimates_table(a))} a JOIN {quoted(estimates_table(b))} b ON b.row_id = a.row_id"
    less = [f"(b.{quoted(second)} - a.{quoted(first)})" for first, second in pairs]
    squares = ", ".join(f"AVG({each} * {each})" for each in less)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*), {squares} {joined} WHERE a.row_id %% %s = 0", [every])
        rows, *means = cursor.fetchone()
        cursor.execute(f"SELECT {', '.join(less)} {joined} ORDER BY a.test_time DESC, a.row_id DESC LIMIT 1")
        newest = cursor.fetchone()
    return (rows, list(means), list(newest)) if rows and newest else (0, [], [])


def count_in_parts(
    connection: BaseDatabaseWrapper, battery_id: int, start: float, end: float, parts: int
) -> list[tuple[int, int, int]]:
    """(part from 0, rows, late rows among them) of the equal parts of `start <= test_time <= end` that have rows."""
    width = (end - start) / parts
    part = "CAST(FLOOR((test_time - %s) / %s) AS INTEGER)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {part} AS part, COUNT(*), SUM(CASE WHEN row_late THEN 1 ELSE 0 END) "
            f"FROM {quoted(rows_table(battery_id))} WHERE test_time >= %s AND test_time <= %s GROUP BY 1 ORDER BY 1",
            [start, width, start, end],
        )
        found: list[tuple[int, int, int]] = cursor.fetchall()
    return found


def select_steps(
    connection: BaseDatabaseWrapper, battery_id: int, start: float, end: float, least: float, limit: int
) -> list[tuple[float, float]]:
    """(test_time before, test_time after) of the longest steps above `least` s, the longest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT before, test_time FROM (SELECT test_time, LAG(test_time) OVER (ORDER BY test_time) AS before "
            f"FROM {quoted(rows_table(battery_id))} WHERE test_time >= %s AND test_time <= %s) AS steps "
            "WHERE test_time - before > %s ORDER BY test_time - before DESC, test_time LIMIT %s",
            [start, end, least, limit],
        )
        found: list[tuple[float, float]] = cursor.fetchall()
    return found


def select_late(
    connection: BaseDatabaseWrapper, battery_id: int, start: float, end: float, limit: int
) -> list[tuple[int, float, float]]:
    """(row id, test_time, received) of rows that came late, the newest arrival first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_id, test_time, received FROM {quoted(rows_table(battery_id))} "
            "WHERE row_late AND test_time >= %s AND test_time <= %s ORDER BY row_id DESC LIMIT %s",
            [start, end, limit],
        )
        found: list[tuple[int, float, float]] = cursor.fetchall()
    return found


def test_time_at(connection: BaseDatabaseWrapper, battery_id: int, moment: float) -> float | None:
    """test_time of the last row that had come by `moment` (Unix s): halves the row ids, which go by arrival."""
    table = quoted(rows_table(battery_id))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN(row_id), MAX(row_id) FROM {table}")
        low, high = cursor.fetchone()
        found: float | None = None
        while low is not None and low <= high:
            middle = (low + high) // 2
            cursor.execute(
                f"SELECT row_id, received, test_time FROM {table} WHERE row_id >= %s ORDER BY row_id LIMIT 1", [middle]
            )
            row_id, received, test_time = cursor.fetchone()
            if received <= moment:
                low, found = row_id + 1, test_time
            else:
                high = middle - 1
    return found
