"""Make estimates once more from a time on, though no row came late: with other libraries, say, or in doubt."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access.auditing import note
from datahub.models import Battery
from twin.errors import CannotBeRecomputed, TimeRefused
from twin.estimation.keeping import newest_before
from twin.models import Checkpoint, Estimator, EstimatorProgress, Recomputation
from twin.states import Stored


@dataclass(frozen=True)
class Cost:
    """`from_time` is test_time of the kept checkpoint where it begins, s; None: before the first row."""

    from_time: float | None
    rows: int
    seconds: float | None


def cost_of_recomputing(estimator: Estimator, test_time: float) -> Cost:
    """What `recompute_from` would take. Raises TimeRefused, CannotBeRecomputed."""
    progress = _checked(estimator, test_time)
    start = _start(estimator, test_time)
    rows = progress.rows_stepped - (start.rows_stepped if start else 0)
    seconds = rows / progress.steps_per_second if progress.steps_per_second else None
    return Cost(start.latest_time if start else None, rows, seconds)


def recompute_from(estimator: Estimator, test_time: float) -> Estimator:
    """Has the estimates from a test time (s) on made anew beside those that are shown, which stay until then.

    As if a row had come late there: twin.estimation.recomputing does it. Raises TimeRefused, CannotBeRecomputed.
    """
    with transaction.atomic():
        Battery.objects.select_for_update(no_key=True).get(pk=estimator.battery_id)
        EstimatorProgress.objects.select_for_update().get(pk=estimator.pk)
        found = Estimator.objects.select_related("battery", "progress").get(pk=estimator.pk)
        progress = _checked(found, test_time)
        known = [test_time] if progress.late_from is None else [test_time, progress.late_from]
        # Who steps it now has read the record as it was; the fence keeps that from being written over this.
        EstimatorProgress.objects.filter(pk=found.pk).update(
            late_from=min(known), replaced=None, fence=F("fence") + 1, updated=timezone.now()
        )
        note("recomputed", found, note=f"from t = {test_time:.15g} s")
    return found


def _checked(estimator: Estimator, test_time: float) -> EstimatorProgress:
    progress = estimator.progress
    if not math.isfinite(test_time):
        raise TimeRefused(test_time)
    if estimator.state == Stored.FAILED:
        raise CannotBeRecomputed(str(estimator), "has failed", "Retry it first.")
    if not (estimator.is_current or estimator.followed):
        raise CannotBeRecomputed(str(estimator), "stands still", "Promote or follow it first.")
    if progress.latest_time is None or test_time > progress.latest_time:
        raise CannotBeRecomputed(str(estimator), f"has no estimate at or after {test_time:.15g} s")
    if Recomputation.objects.filter(pk=estimator.pk).exists():
        raise CannotBeRecomputed(str(estimator), "is being computed anew already", "Wait until that has caught up.")
    dropped_until = estimator.battery.dropped_until
    if dropped_until is not None and _start(estimator, test_time) is None:
        why = f"has no checkpoint before {test_time:.15g} s with all rows after it still stored"
        raise CannotBeRecomputed(str(estimator), why, f"Rows up to {dropped_until:.15g} s are deleted.")
    return progress


def _start(estimator: Estimator, test_time: float) -> Checkpoint | None:
    """As twin.estimation.recomputing chooses it; None: it begins before the first row."""
    dropped_until = estimator.battery.dropped_until
    if dropped_until is None:
        return newest_before(estimator, test_time)
    usable = estimator.checkpoints.filter(latest_time__gt=dropped_until, latest_time__lte=test_time, is_again=False)
    return usable.order_by("-latest_time", "-latest_row").first()
