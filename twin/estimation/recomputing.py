"""Late rows: the estimates from their time on are made once more, in order of time, beside those that are shown.

A second track (twin.models.Recomputation) of the same estimator is stepped by the same rounds as all others.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from datahub import tables as tables_of_rows
from datahub.models import Battery
from energykit.ukf import FleetFilter, JointFilterParameters
from jobs.queue import enqueue
from jobs.shards import in_this_round, shard_of
from twin import tables
from twin.estimation.keeping import keep_start, newest_before
from twin.estimation.work import AT_WORK, STEPPED
from twin.models import Checkpoint, Estimator, EstimatorProgress, Recomputation
from twin.states import Skipped

# Where rows come late all the time, each of them would have the same rows made anew; so some are awaited first.
PAUSE_SECONDS = 30.0
MOST_AT_ONCE = 200
OF_THE_ROW_ITSELF = (str(Skipped.NO_TEST_TIME), str(Skipped.NOT_FINITE))


def begin_recomputations(kind: str) -> int:
    """Begins one for each estimator of a kind that has late rows and none under way; tells how many."""
    rested = Q(progress__replaced=None) | Q(progress__replaced__lte=timezone.now() - timedelta(seconds=PAUSE_SECONDS))
    found = Estimator.objects.filter(
        STEPPED, rested, kind=kind, state__in=AT_WORK, progress__late_from__isnull=False, recomputation=None
    )
    found = in_this_round(found, "battery_id").order_by("progress__updated")
    ids = list(found.values_list("pk", flat=True)[:MOST_AT_ONCE])
    return sum(map(_begin, ids))


def _begin(estimator_id: int) -> bool:
    with transaction.atomic():
        # Before the progress, as the deletion of old rows takes them: nothing here may read rows that are going.
        Battery.objects.select_for_update(no_key=True).filter(estimators=estimator_id).first()
        progress = (
            EstimatorProgress.objects.select_for_update().filter(pk=estimator_id, late_from__isnull=False).first()
        )
        if progress is None or Recomputation.objects.filter(pk=estimator_id).exists():
            return False
        assert progress.late_from is not None
        estimator = Estimator.objects.select_related("battery").get(pk=estimator_id)
        if estimator.battery.dropped_until is None:
            start = newest_before(estimator, progress.late_from)
        else:
            start = _start_after_dropped_rows(estimator, progress)
            if start is None:
                # Seen by then, and passed over: from before what is left of the rows nothing can be made anew.
                EstimatorProgress.objects.filter(pk=estimator_id).update(late_from=None, updated=timezone.now())
                return False
        if start is None and not estimator.is_script:
            start = keep_start(estimator, stand_before_the_first_row(estimator))
        # A process that died may have left one behind.
        tables.drop(connection, estimator_id, again=True)
        tables.create(connection, estimator_id, progress.state_names, again=True, series=progress.series + 1)
        again = Recomputation(
            estimator=estimator,
            up_to=progress.cursor,
            cursor=progress.cursor,
            rows_seen=progress.rows_seen,
            rows_skipped={why: n for why, n in progress.rows_skipped.items() if why in OF_THE_ROW_ITSELF},
            late_time=progress.late_from,
            needs_start=start is None,
        )
        if start is not None:
            set_out(again, start)
        again.save(force_insert=True)
        if start is None:
            again.start_job = enqueue(
                "restart_estimator",
                subject=f"twin.estimator:{estimator.pk}",
                title=f"Start {estimator} once more for late rows"[:300],
                arguments={"estimator_id": estimator.pk},
                max_tries=3,
                shard=shard_of(estimator.battery_id),
            )
            again.save(update_fields=["start_job"])
    return True


def _start_after_dropped_rows(estimator: Estimator, progress: EstimatorProgress) -> Checkpoint | None:
    """A kept checkpoint with all rows after it still there, if late rows came after it; those before it stay out."""
    battery, late_from = estimator.battery, progress.late_from
    assert battery.dropped_until is not None
    assert late_from is not None
    usable = estimator.checkpoints.filter(latest_time__gt=battery.dropped_until, is_again=False)
    before = usable.filter(latest_time__lte=late_from).order_by("-latest_time", "-latest_row").first()
    if before is not None:
        return before
    first = usable.order_by("latest_time", "latest_row").first()
    if first is None or first.latest_time is None:
        return None
    worked_in = estimator.recomputed.values_list("up_to", flat=True).first() or 0
    if not tables_of_rows.has_late_rows(connection, battery.pk, first.latest_time, worked_in, progress.cursor):
        return None
    return first


def set_out(again: Recomputation, start: Checkpoint) -> None:
    """Lets it go on from a kept checkpoint; the caller saves it."""
    for name, value in start.stand().items():
        setattr(again, name, value)
    again.from_time, again.from_row, again.from_stepped = start.latest_time, start.latest_row, start.rows_stepped
    again.read_time, again.read_row = start.latest_time, start.latest_row
    again.kept_stepped = start.rows_stepped
    again.rows_skipped = dict(Counter(again.rows_skipped) + Counter(start.unestimated))
    again.needs_start, again.error = False, ""


def stand_before_the_first_row(estimator: Estimator) -> dict[str, object]:
    """Of the built-in filter: its parameters tell all."""
    parameters = JointFilterParameters.from_mapping(estimator.parameters or {})
    return {"checkpoint": FleetFilter([parameters]).checkpoint(0), "reference_capacity": parameters.capacity_ah}
