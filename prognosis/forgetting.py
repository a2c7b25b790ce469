"""Forecasts that were made from a version's estimates go with them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from prognosis.models import ForecastRun
from twin.models import Estimator
from twin.results import results_deleting, tellers_of_results
from twin.tables import estimates_table


def forecasts_from(estimator: Estimator) -> QuerySet[ForecastRun]:
    """Those made from its estimates; of the oldest, the statement that read its table is all that tells."""
    by_statement = Q(estimator=None, sql__contains=f'"{estimates_table(estimator.pk)}"')
    return ForecastRun.objects.filter(Q(estimator=estimator) | by_statement, battery=estimator.battery_id)


def forget_with_estimates() -> None:
    if _told not in tellers_of_results:
        tellers_of_results.append(_told)
    results_deleting.connect(_delete_forecasts, dispatch_uid="prognosis.delete_forecasts")


def _told(estimator: Estimator) -> list[tuple[int, str, str]]:
    return [(forecasts_from(estimator).count(), "forecast", "forecasts")]


def _delete_forecasts(sender: type, estimator: Estimator, **_: Any) -> None:
    forecasts_from(estimator).delete()
