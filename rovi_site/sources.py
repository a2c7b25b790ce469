"""What live pages watch: which records of which kind changed since a moment."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import UTC, datetime

from django.apps import apps
from django.db.models import Q

from datahub.models import Battery
from jobs.models import Job, State
from prognosis.models import ForecastRun, RunState
from rovi_site.live import Source
from twin.models import Estimator, EstimatorProgress
from twin.states import Stored


def make_sources() -> list[Source]:
    return [
        Source("battery", batteries_since),
        Source("estimator", estimators_since),
        Source("twin", twins_since),
        Source("job", jobs_since),
        Source("forecast", forecasts_since),
        *([Source("asset", assets_since)] if apps.is_installed("fleet") else []),
    ]


def assets_since(since: float) -> Iterable[tuple[int, Hashable]]:
    from fleet.models import Asset  # noqa: PLC0415  (that room may be left out)

    return Asset.objects.filter(last_received__gte=since).order_by().values_list("pk", "changes")


def batteries_since(since: float) -> Iterable[tuple[int, Hashable]]:
    return Battery.objects.filter(last_received__gte=since).order_by().values_list("pk", "rows")


def estimators_since(since: float) -> Iterable[tuple[int, Hashable]]:
    moment = datetime.fromtimestamp(since, UTC)
    moved = EstimatorProgress.objects.filter(updated__gte=moment).order_by()
    mark = (
        "cursor",
        "series",
        "estimator__is_current",
        "estimator__followed",
        "estimator__recomputation__rows_stepped",
    )
    marks = {pk: " ".join(map(str, told)) for pk, *told in moved.values_list("estimator_id", *mark)}
    # One that fails or waits does not move, and there are few of them.
    still = Estimator.objects.exclude(state=Stored.READY).order_by()
    for pk, state in still.values_list("pk", "state"):
        marks[pk] = f"{marks.get(pk, '')} {state}"
    return marks.items()


def twins_since(since: float) -> Iterable[tuple[int, Hashable]]:
    """By battery, which estimator is its current one: a page opened before that one was made knows no id to watch."""
    moment = datetime.fromtimestamp(since, UTC)
    moved = EstimatorProgress.objects.filter(updated__gte=moment, estimator__is_current=True).order_by()
    return moved.values_list("estimator__battery_id", "estimator_id")


def jobs_since(since: float) -> Iterable[tuple[int, Hashable]]:
    moment = datetime.fromtimestamp(since, UTC)
    found = Job.objects.filter(
        Q(state__in=(State.QUEUED, State.RUNNING)) | Q(finished__gte=moment) | Q(created__gte=moment)
    ).order_by()
    for pk, *mark in found.values_list("pk", "state", "progress", "message", "cancel_requested_by"):
        yield pk, tuple(mark)


def forecasts_since(since: float) -> Iterable[tuple[int, Hashable]]:
    moment = datetime.fromtimestamp(since, UTC)
    found = ForecastRun.objects.filter(
        ~Q(state__in=RunState.ENDED) | Q(finished__gte=moment) | Q(created__gte=moment)
    ).order_by()
    return found.values_list("pk", "state")
