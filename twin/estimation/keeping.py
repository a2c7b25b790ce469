"""Checkpoints that are kept, so that late rows are worked in from the newest one before them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q

from twin.models import Checkpoint, Estimator, EstimatorProgress, Recomputation
from twin.states import TAKEN_WITHOUT_ESTIMATE

BYTES_A_ROW = 100  # checkpoints of scripts may be large: no more than this is kept for each row on average


def checkpoint_to_keep(track: EstimatorProgress | Recomputation, changes: dict[str, Any]) -> Checkpoint | None:
    """The stand that a track has after `changes`, where it is time to keep one.

    Once rows have come late, what is estimated will be replaced, and so would be the checkpoints.
    """
    interval = max(settings.CHECKPOINT_ROWS, len(changes["checkpoint"] or b"") // BYTES_A_ROW)
    late_from = changes.get("late_from", track.late_from)
    if late_from is not None or changes["rows_stepped"] - track.kept_stepped < interval:
        return None
    stand = track.stand()
    stand |= {name: value for name, value in changes.items() if name in stand}
    skipped = changes["rows_skipped"]
    unestimated = {reason: skipped[reason] for reason in TAKEN_WITHOUT_ESTIMATE if reason in skipped}
    return Checkpoint(estimator_id=track.pk, is_again=track.is_again, unestimated=unestimated, **stand)


def keep_start(estimator: Estimator, stand: dict[str, Any], data_until: float | None = None) -> Checkpoint:
    """The stand before the first row; one that was kept before goes."""
    estimator.checkpoints.filter(latest_time=None).delete()
    return Checkpoint.objects.create(estimator=estimator, data_until=data_until, **stand)


def newest_before(estimator: Estimator, late_from: float) -> Checkpoint | None:
    """The newest kept checkpoint that no late row would have changed; None where there is none.

    A row of the checkpoint's own newest time comes after it: it has a greater id than those that were taken.
    """
    start = estimator.checkpoints.filter(latest_time=None, is_again=False).first()
    if start is None or (start.data_until is not None and late_from < start.data_until):
        return None
    before = estimator.checkpoints.filter(latest_time__lte=late_from, is_again=False)
    return before.order_by("-latest_time", "-latest_row").first() or start


def beyond(time: float | None, row: int) -> Q:
    """Which kept checkpoints come after that place, but the start."""
    if time is None:
        return Q(latest_time__isnull=False)
    return Q(latest_time__gt=time) | Q(latest_time=time, latest_row__gt=row)
