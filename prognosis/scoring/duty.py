"""What a worker does for scores: a look now and then at which forecasts have come to their time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from prognosis.forecasting.outcome import NOTHING
from prognosis.models import ForecastRun
from prognosis.scoring.run import prepare_old, score_run, start_anew
from prognosis.states import RunState
from twin.models import Estimator, EstimatorProgress, VersionChange
from twin.queries import with_all_it_takes

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 5.0
# A look that found nothing may take at most so much of this process's time: with very many forecasts they get rarer.
MOST_OF_THE_TIME = 0.02
# All forecasts are looked at so often, whatever has changed since; this also finds what came over a clock that is off.
WHOLE_LOOK_EVERY_SECONDS = 600.0
OVERLAP = timedelta(seconds=60)  # what is committed now may bear a time that long ago
AT_ONCE = 50


@dataclass
class Seen:
    """What this process has looked at; times but `since` in s of the monotonic clock."""

    next_look: float = -math.inf
    next_whole_look: float = -math.inf
    newest: tuple[Any, ...] = ()  # of what scores can change with
    since: datetime | None = None  # forecasts whose battery has nothing newer than this have been looked at


seen = Seen()


def score_some(seen: Seen = seen) -> bool:
    """Whether there may be more to do at once. Where nothing is new it asks for the newest of each kind, no more."""
    begun, now = time.monotonic(), timezone.now()
    if begun < seen.next_look:
        return False
    newest = _newest()
    is_whole = begun >= seen.next_whole_look
    if newest == seen.newest and not is_whole:
        seen.next_look = begun + LOOK_EVERY_SECONDS
        return False
    found = score_due(since=None if is_whole else seen.since)
    if found == AT_ONCE:
        return True
    seen.newest, seen.since = newest, now - OVERLAP
    if is_whole:
        seen.next_whole_look = begun + WHOLE_LOOK_EVERY_SECONDS
    took = 0.0 if found else time.monotonic() - begun
    seen.next_look = begun + max(LOOK_EVERY_SECONDS, took / MOST_OF_THE_TIME)
    return found > 0


def score_due(most: int = AT_ONCE, since: datetime | None = None) -> int:
    """Scores forecasts whose next point has come; returns how many it looked at, up to `most` of each kind.

    With `since` only forecasts that ended, or whose battery was estimated or got another version, since then.
    """
    touched = _touched(since)
    old = [] if since else list(_done().filter(scored_column="").exclude(result_file="")[:most])
    for run in old:
        _do(run, prepare_old)
    moved = list(moved_runs().filter(touched)[:most])
    for run in moved:
        _do(run, start_anew)
    due = list(due_runs().filter(touched)[:most])
    current = with_all_it_takes().filter(battery__in={run.battery_id for run in due}, is_current=True).order_by()
    estimators = {estimator.battery_id: estimator for estimator in current}
    for run in due:
        if run.battery_id in estimators:
            _do(run, partial(score_run, estimator=estimators[run.battery_id]))
    return max(map(len, (old, moved, due)))


def _newest() -> tuple[Any, ...]:
    """Without any of it changing there is nothing to score. Each is one look into an index."""
    return (
        EstimatorProgress.objects.aggregate(newest=Max("updated"))["newest"],
        VersionChange.objects.aggregate(newest=Max("pk"))["newest"],
        ForecastRun.objects.aggregate(newest=Max("finished"))["newest"],
    )


def _touched(since: datetime | None) -> Q:
    if since is None:
        return Q()
    estimated = Estimator.objects.filter(is_current=True, progress__updated__gte=since)
    changed = VersionChange.objects.filter(at__gte=since)
    return (
        Q(finished__gte=since)
        | Q(battery__in=estimated.order_by().values("battery"))
        | Q(battery__in=changed.order_by().values("battery"))
    )


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
