"""What a worker does for scores: a look now and then at which forecasts have come to their time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from django.db import DatabaseError
from django.db.models import F, QuerySet

from prognosis.forecasting.outcome import NOTHING
from prognosis.models import ForecastRun
from prognosis.scoring.run import prepare_old, score_run, start_anew
from prognosis.states import RunState
from twin.queries import with_all_it_takes

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 5.0
AT_ONCE = 50

_looked = 0.0


def score_some() -> bool:
    """Whether there may be more to do at once. Idle, it asks the database little, and that every few seconds."""
    global _looked
    if time.monotonic() - _looked < LOOK_EVERY_SECONDS:
        return False
    found = score_due()
    if found < AT_ONCE:
        _looked = time.monotonic()
    return found > 0


def score_due(most: int = AT_ONCE) -> int:
    """Scores forecasts whose next point has come; returns how many it looked at."""
    for run in _done().filter(scored_column="").exclude(result_file="")[:most]:
        _do(run, prepare_old)
    for run in moved_runs()[:most]:
        _do(run, start_anew)
    due = list(due_runs()[:most])
    current = with_all_it_takes().filter(battery__in={run.battery_id for run in due}, is_current=True).order_by()
    estimators = {estimator.battery_id: estimator for estimator in current}
    for run in due:
        if run.battery_id in estimators:
            _do(run, partial(score_run, estimator=estimators[run.battery_id]))
    return len(due)


def _do(run: ForecastRun, step: Callable[[ForecastRun], object]) -> None:
    """One that raises is passed over from then on, for else it would be the first again at each look."""
    try:
        step(run)
    except DatabaseError:  # it may well go the next time
        log.exception("Forecast %s could not be scored now.", run.pk)
    except Exception:
        log.exception("Forecast %s cannot be scored.", run.pk)
        given_up = {"scored_column": NOTHING, "next_score": None, "scored_estimator": None, "scored_series": None}
        ForecastRun.objects.filter(pk=run.pk).update(**given_up)


def due_runs() -> QuerySet[ForecastRun]:
    """Those whose battery has an estimate of the time of their next point."""
    return _done().filter(
        next_score__isnull=False,
        battery__estimators__is_current=True,
        battery__estimators__progress__latest_time__gte=F("next_score"),
    )


def moved_runs() -> QuerySet[ForecastRun]:
    """Those that were scored against estimates that are no longer the battery's: another estimator's, or replaced."""
    scored = _done().filter(scored_estimator__isnull=False, battery__estimators__is_current=True)
    now = scored.annotate(current=F("battery__estimators__pk"), series=F("battery__estimators__progress__series"))
    return now.exclude(scored_estimator=F("current"), scored_series=F("series"))


def _done() -> QuerySet[ForecastRun]:
    """Without those of a comparison: their loads are supposed ones, so what comes says nothing about them."""
    done = ForecastRun.objects.filter(state=RunState.DONE, comparison=None)
    return done.select_related("battery").order_by("pk")
