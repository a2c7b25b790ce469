"""Estimates are kept at full rate for so long; older ones are thinned, where the settings say so."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction

from jobs.shards import in_this_round
from twin import tables
from twin.models import EstimatorProgress

SECONDS_A_DAY = 86_400.0
SECONDS_BETWEEN_LOOKS = 60.0
ROWS_A_TRANSACTION = 20_000


@dataclass
class Thinned:
    """What this process has thinned: how far, of which series. Another process begins at the first estimate."""

    until: dict[int, tuple[int, float]] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    looked: float = -math.inf


thinned = Thinned()


def thin_old_estimates(seen: Thinned = thinned) -> bool:
    """One small transaction of one estimator. Tells whether there may be more to do."""
    if settings.ESTIMATES_FULL_RATE_DAYS is None:
        return False
    if not seen.waiting:
        if time.monotonic() - seen.looked < SECONDS_BETWEEN_LOOKS:
            return False
        seen.looked = time.monotonic()
        seen.waiting = _due(seen)
    if seen.waiting and not _thin_one(seen, seen.waiting[-1]):
        seen.waiting.pop()
    return bool(seen.waiting)


def _due(seen: Thinned) -> list[int]:
    """Ids of estimators that may have something to thin, in one query; what is known of deleted ones is forgotten."""
    begun = in_this_round(EstimatorProgress.objects.exclude(latest_time=None), "estimator__battery_id")
    tracks = begun.values_list("pk", "latest_time", "series")
    found = {estimator_id: (latest, series) for estimator_id, latest, series in tracks if latest is not None}
    seen.until = {estimator_id: known for estimator_id, known in seen.until.items() if estimator_id in found}
    return [
        estimator_id
        for estimator_id, (latest, series) in found.items()
        if (known := seen.until.get(estimator_id)) is None or known[0] != series or known[1] < full_rate_from(latest)
    ]


def full_rate_from(latest: float | None) -> float:
    """Estimates before this test_time (s) are thinned: where a part of so many seconds begins. Below all: none are."""
    if latest is None or settings.ESTIMATES_FULL_RATE_DAYS is None:
        return -math.inf
    every, days = float(settings.ESTIMATES_THINNED_SECONDS), float(settings.ESTIMATES_FULL_RATE_DAYS)
    return math.floor((latest - days * SECONDS_A_DAY) / every) * every


def _thin_one(seen: Thinned, estimator_id: int) -> bool:
    """Whether there is more of it."""
    every = float(settings.ESTIMATES_THINNED_SECONDS)
    progress = EstimatorProgress.objects.filter(pk=estimator_id).values_list("latest_time", "series").first()
    latest, series = progress or (None, 0)
    if latest is None:
        return False
    border = full_rate_from(latest)
    known = seen.until.get(estimator_id)
    begin = known[1] if known is not None and known[0] == series else tables.first_time(connection, estimator_id)
    if begin is None:
        return False
    if begin >= border:
        seen.until[estimator_id] = (series, begin)
        return False
    begin = math.floor(begin / every) * every
    far = tables.time_after(connection, estimator_id, begin, ROWS_A_TRANSACTION)
    end = border if far is None else min(border, (math.floor(far / every) + 1) * every)
    with transaction.atomic():
        tables.thin(connection, estimator_id, begin, end, every)
    seen.until[estimator_id] = (series, end)
    return end < border
