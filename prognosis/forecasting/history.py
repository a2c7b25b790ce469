"""The past of a battery's health, as a forecaster's template asks for it: oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from datahub.models import Battery
from prognosis.errors import NoEstimates
from prognosis.forecasting.sql import HistoryQuery, history_query
from prognosis.queries import CAPACITY_STATES, state_column
from prognosis.tables import MAX_ROWS, newest_time, read_history, select_spread, sql_dialect
from twin.health import fleet_health
from twin.models import Estimator
from twin.queries import current_estimator, packed_place
from twin.tables import AFTER_STATES, BEFORE_STATES, columns_of, estimates_table

# What an estimator tells beside its states, except the packed covariance, which is no number.
MORE_COLUMNS = tuple(name for name in (*BEFORE_STATES, *AFTER_STATES) if name not in ("test_time", "covariance"))


@dataclass(frozen=True)
class History:
    """Columns of equal length, oldest row first. `newest_estimate`: test_time, s, of the newest that counts.

    `reference`: what 100 % SOH is, Ah; `capacity`: as estimated newest of these, Ah. None where they are not known.
    """

    estimator: Estimator
    columns: dict[str, np.ndarray]
    sql: str
    newest_estimate: float
    reference: float | None = None
    capacity: float | None = None

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


def history_of(battery: Battery, template: str, as_of: float | None = None) -> History:
    """What `template` selects from the estimates of the battery's current estimator, up to test_time `as_of`, s.

    Raises NoEstimates, and TemplateRefused or HistoryFailed for a query that these estimates cannot answer.
    """
    estimator = current_estimator(battery)
    if estimator is None:
        raise NoEstimates(battery.name, f"the battery {battery.name!r} has no estimator")
    state_names = estimator.progress.state_names
    if not state_names:
        raise NoEstimates(battery.name, f"the estimator of {battery.name!r} has made no estimate yet")
    table = estimates_table(estimator.pk)
    query = history_query(
        template,
        sql_dialect(connection.vendor),
        table=table,
        columns=["test_time", *columns_of(state_names)],
        deviations=[f"{column}_std" for column in columns_of(state_names)],
        more_columns=MORE_COLUMNS,
        max_rows=MAX_ROWS,
        until=as_of,
    )
    newest_estimate = newest_time(table, as_of)
    if newest_estimate is None:
        raise NoEstimates(battery.name, f"the estimator of {battery.name!r} has made no estimate yet")
    columns = _oldest_first(read_history(query.sql, table, deviations=_places(query, state_names)), query.newest_first)
    if not len(next(iter(columns.values()))):
        raise NoEstimates(battery.name, "the forecaster's query finds no row among the estimates")
    health = fleet_health([battery.pk])[battery.pk]
    capacity = health.capacity if as_of is None else _capacity_at(estimator, newest_estimate)
    return History(estimator, columns, query.sql, newest_estimate, health.reference_capacity, capacity)


def _capacity_at(estimator: Estimator, test_time: float) -> float | None:
    """As estimated at that time, Ah; None where no capacity is estimated."""
    column = state_column(estimator, CAPACITY_STATES)
    if column is None:
        return None
    rows = select_spread(connection, estimator.pk, [column], test_time, test_time, 1)
    return float(rows[-1][1]) if rows and rows[-1][1] is not None else None


def _places(query: HistoryQuery, state_names: Sequence[str]) -> dict[str, int]:
    """Where in the packed covariance the variance of each `…_std` column stands."""
    columns = columns_of(state_names)
    states = {f"{column}_std": packed_place(place, place, len(columns)) for place, column in enumerate(columns)}
    return {alias: states[column] for alias, column in query.deviations.items()}


def _oldest_first(columns: dict[str, np.ndarray], newest_first: bool) -> dict[str, np.ndarray]:
    """By test_time where it is among the columns, equal times as they came; else as the query's order tells."""
    if newest_first:
        columns = {name: values[::-1] for name, values in columns.items()}
    if "test_time" in columns:
        order = np.argsort(columns["test_time"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
    return {name: np.ascontiguousarray(values) for name, values in columns.items()}
