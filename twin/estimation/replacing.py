"""The end of a recomputation: in one transaction the second track takes the place of the first, or it is given up."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from enum import Enum

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from jobs.running.process import this_process
from twin.errors import EstimatorFailed
from twin.estimation import tables
from twin.estimation.keeping import beyond
from twin.models import Estimator, EstimatorProgress, Recomputation, Recomputed, Track
from twin.tables import drop

RECORDS_KEPT = 100
MOST_ROWS_AT_ONCE = 200_000  # are replaced in one transaction; about a second, for which others that write wait
ROWS_A_PORTION = 20_000  # are copied or deleted in one where there are more
SECONDS_BETWEEN_LOOKS = 60.0


class Replaced(Enum):
    """What became of a replacement."""

    NOT_YET = 0
    IN_PART = 1  # it goes on at once
    WHOLLY = 2


def replace_if_caught_up(estimator: Estimator) -> Replaced:
    """Called in a transaction with the first track locked.

    The end of the estimates, the checkpoints after its beginning and all counters are those of the second track then.
    """
    progress = EstimatorProgress.objects.get(pk=estimator.pk)
    again = Recomputation.objects.get(pk=estimator.pk)
    if again.in_order or again.cursor < progress.cursor:
        return Replaced.NOT_YET
    names = progress.state_names
    start = None if again.from_time is None else (again.from_time, again.from_row)
    if again.rows_stepped - again.from_stepped <= MOST_ROWS_AT_ONCE:
        tables.replace_tail(connection, estimator.pk, names, start)
    elif start is not None and tables.copy_head(connection, estimator.pk, names, start, ROWS_A_PORTION):
        return Replaced.IN_PART
    else:
        tables.take_the_place(connection, estimator.pk)
    kept = estimator.checkpoints
    kept.filter(beyond(again.from_time, again.from_row), is_again=False).delete()
    kept.filter(is_again=True).update(is_again=False)
    changes = {
        field.name: getattr(again, field.name) for field in Track._meta.concrete_fields if field.name != "updated"
    }
    now = timezone.now()
    EstimatorProgress.objects.filter(pk=estimator.pk).update(
        **changes, series=F("series") + 1, replaced=now, updated=now
    )
    _record(again)
    again.delete()
    return Replaced.WHOLLY


def stop_recomputation(estimator: Estimator, failure: EstimatorFailed, fence: int | None = None) -> None:
    """The old series stays and goes on; a retry lets the recomputation begin anew.

    With a `fence` nothing is written of an estimator that another process has claimed since.
    """
    place = f"At row {failure.row}: " if failure.row is not None else ""
    of_estimator = {"estimator__progress__fence": fence, "estimator__progress__owner": this_process()}
    mine = {} if fence is None else of_estimator
    found = Recomputation.objects.filter(pk=estimator.pk, **mine)
    found.update(error=f"{place}{failure.message}", updated=timezone.now())


def give_up_recomputation(estimator: Estimator) -> None:
    """As if it had not begun; in a transaction with the progress locked."""
    drop(connection, estimator.pk, again=True)
    estimator.checkpoints.filter(is_again=True).delete()
    Recomputation.objects.filter(pk=estimator.pk).delete()
    # Whoever steps it now must not write what was found on a track that is gone.
    EstimatorProgress.objects.filter(pk=estimator.pk).update(fence=F("fence") + 1, replaced=None)


def _record(again: Recomputation) -> None:
    told = Recomputed.objects.filter(estimator=again.estimator_id)
    Recomputed.objects.create(
        estimator_id=again.estimator_id,
        late_time=again.late_time,
        from_time=again.from_time,
        from_row=again.from_row,
        up_to=again.cursor,
        rows=again.rows_stepped - again.from_stepped,
        started=again.started,
    )
    old = told.order_by("-id").values_list("pk", flat=True)[RECORDS_KEPT:]
    if stale := list(old):
        told.filter(pk__in=stale).delete()


@dataclass
class Leftovers:
    """Long series that were replaced and are still to be deleted, as this process has seen them."""

    waiting: list[int] = field(default_factory=list)
    looked: float = -math.inf


leftovers = Leftovers()


def delete_replaced_series(seen: Leftovers = leftovers) -> bool:
    """The duty: a portion in a transaction of its own. Tells whether there is more."""
    if not seen.waiting:
        if time.monotonic() - seen.looked < SECONDS_BETWEEN_LOOKS:
            return False
        seen.looked = time.monotonic()
        seen.waiting = tables.with_replaced(connection)
    if not seen.waiting:
        return False
    estimator_id = seen.waiting.pop()
    with transaction.atomic():
        # Locked, for another worker may be deleting the same.
        EstimatorProgress.objects.select_for_update().filter(pk=estimator_id).first()
        if estimator_id in tables.with_replaced(connection) and tables.delete_replaced(
            connection, estimator_id, ROWS_A_PORTION
        ):
            seen.waiting.append(estimator_id)
    return bool(seen.waiting)
