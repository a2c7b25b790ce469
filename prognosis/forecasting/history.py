"""The past of a battery's health, as a forecaster's template asks for it: oldest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db import connection

from datahub.models import Battery
from prognosis.errors import NoEstimates
from prognosis.forecasting.sql import history_query
from prognosis.tables import MAX_ROWS, newest_time, read_history, sql_dialect
from twin.queries import current_estimator
from twin.tables import AFTER_STATES, BEFORE_STATES, columns_of, estimates_table

# What an estimator tells beside its states, except the packed covariance, which is no number.
MORE_COLUMNS = tuple(name for name in (*BEFORE_STATES, *AFTER_STATES) if name not in ("test_time", "covariance"))


@dataclass(frozen=True)
class History:
    """Columns of equal length, oldest row first. `newest_estimate`: test_time, s, of the newest of all estimates."""

    columns: dict[str, np.ndarray]
    sql: str
    newest_estimate: float

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


def history_of(battery: Battery, template: str) -> History:
    """What `template` selects from the estimates of the battery's current estimator.

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
        more_columns=MORE_COLUMNS,
        max_rows=MAX_ROWS,
    )
    newest_estimate = newest_time(table)
    if newest_estimate is None:
        raise NoEstimates(battery.name, f"the estimator of {battery.name!r} has made no estimate yet")
    columns = _oldest_first(read_history(query.sql, table), query.newest_first)
    if not len(next(iter(columns.values()))):
        raise NoEstimates(battery.name, "the forecaster's query finds no row among the estimates")
    return History(columns, query.sql, newest_estimate)


def _oldest_first(columns: dict[str, np.ndarray], newest_first: bool) -> dict[str, np.ndarray]:
    """By test_time where it is among the columns, equal times as they came; else as the query's order tells."""
    if newest_first:
        columns = {name: values[::-1] for name, values in columns.items()}
    if "test_time" in columns:
        order = np.argsort(columns["test_time"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
    return {name: np.ascontiguousarray(values) for name, values in columns.items()}
