"""The end of a recomputation: in one transaction the second track takes the place of the first, or it is given up."""

from __future__ import annotations

from django.db import connection
from django.db.models import F
from django.utils import timezone

from twin import tables
from twin.errors import EstimatorFailed
from twin.estimation.keeping import beyond
from twin.estimation.lease import this_process
from twin.models import Estimator, EstimatorProgress, Recomputation, Recomputed, Track

RECORDS_KEPT = 100


def replace_if_caught_up(estimator: Estimator) -> bool:
    """Called in a transaction with the first track locked. Tells whether it was replaced.

    The end of the estimates, the checkpoints after its beginning and all counters are those of the second track then.
    """
    progress = EstimatorProgress.objects.get(pk=estimator.pk)
    again = Recomputation.objects.get(pk=estimator.pk)
    if again.in_order or again.cursor < progress.cursor:
        return False
    start = None if again.from_time is None else (again.from_time, again.from_row)
    tables.replace_tail(connection, estimator.pk, progress.state_names, start)
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
    return True


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
    tables.drop(connection, estimator.pk, again=True)
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
