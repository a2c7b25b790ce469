"""Measuring again: from the last checkpoint before a late row, or from the start where the rules have changed.

Rows are taken in order of (test_time, row id), so the result is what rows that came in order would have given. It goes
portion by portion beside what else there is to be measured, and what was measured before is told until it is through.
One that is lost with its process is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet, Sum

from datahub.queries import rows_in_order
from energykit.errors import BadCheckpoint
from energykit.measuring import Measured, Meter, Totals
from jobs.running.process import this_process
from jobs.shards import is_in_this_round
from twin.measuring import tables
from twin.measuring.commit import Again, Place, Step, checkpoint_of, commit_again
from twin.measuring.records import MeasuredCheckpoint, MeasuredCycle, MeasuredProgress
from twin.measuring.soc import count_soc
from twin.measuring.work import Target, columns_to_read, meter_rows, targets

SUMMED = ("charge_ah", "discharge_ah", "charge_wh", "discharge_wh", "gap_seconds")


class MeasuringAgain:
    """One battery's, up to the row that was its newest at the beginning, under the claim that it was begun with."""

    def __init__(self, target: Target, fence: int) -> None:
        progress = target.progress
        until = target.battery.dropped_until
        rows, up_to, late_from = tables.what_waits(connection, target.battery.pk, progress.cursor, until)
        late_from = None if target.has_other_rules else late_from
        meter, place = _start(target, late_from)
        self._again = Again(Step(target, fence, meter, Measured(), up_to, rows), place, meter.open_place, until)
        self._after, self._rows, self._kept_at = place, 0, meter.totals.rows
        total = max(0, progress.rows_seen + rows - meter.totals.rows)
        self._mine().update(stale_from=late_from, again_rows=0, again_of=total)

    def go_on(self, limit: int) -> bool:
        """By up to so many rows; False at the end, when it is stored, or was taken over by another process."""
        if not self._is_still_claimed():
            return False
        step, columns = self._again.step, columns_to_read(self._again.step.target.battery)
        block = rows_in_order(step.target.battery, self._after, limit, columns, step.cursor)
        if len(block):
            found = step.meter.advance(meter_rows(block))
            step.measured.cycles += found.cycles
            step.measured.resistances += found.resistances
            self._after = float(block.columns[columns[0]][-1]), int(block.ids[-1])
            self._rows += len(block)
            if step.meter.totals.rows - self._kept_at >= settings.MEASURING_CHECKPOINT_ROWS:
                self._again.checkpoints.append(checkpoint_of(step.target, step.meter))
                self._kept_at = step.meter.totals.rows
        if len(block) == limit:
            self._mine().update(again_rows=self._rows)
            return True
        for fresh in targets([step.target.battery.pk]):  # its estimator may have gone on
            step.target = replace(step.target, progress=fresh.progress, estimator=fresh.estimator)
            count_soc(step, limit)
            commit_again(self._again)
        return False

    def _is_still_claimed(self) -> bool:
        return is_in_this_round(self._again.step.target.progress.pk) and self._mine().exists()

    def _mine(self) -> QuerySet[MeasuredProgress]:
        step = self._again.step
        return MeasuredProgress.objects.filter(pk=step.target.progress.pk, fence=step.fence, owner=this_process())


def _start(target: Target, late_from: float | None) -> tuple[Meter, Place | None]:
    """A meter as it stood at the last checkpoint that no late row precedes, and where that was.

    Where rows were deleted, only a checkpoint after all of them will do, or else the place that it has come to: late
    rows from before it are passed over, and other rules hold from there on. Where not even that can be read, it goes on
    after the cycles that cannot be measured anew.
    """
    for checkpoint in () if late_from is None else _usable_checkpoints(target, late_from):
        try:
            meter = Meter.restored(target.rules, bytes(checkpoint.state))
        except BadCheckpoint:
            continue
        return meter, (checkpoint.test_time, checkpoint.row_id)
    if target.battery.dropped_until is not None:
        with suppress(BadCheckpoint):
            meter = Meter.restored(target.rules, bytes(target.progress.checkpoint or b""))
            return meter, meter.newest
        return _after_kept_cycles(target, target.battery.dropped_until)
    return Meter(target.rules), None


def _after_kept_cycles(target: Target, until: float) -> tuple[Meter, Place]:
    """A meter after the last cycle that has deleted rows, and the place of the row that it begins with.

    Of the time before it knows the sums of whole cycles: charge and energy, the time in gaps.
    """
    begin = (until, target.battery.dropped_to)
    kept = MeasuredCycle.objects.filter(battery=target.battery, start_time__lte=until)
    last = kept.order_by("-place").first()
    if last is None:
        return Meter(target.rules), begin
    sums = kept.aggregate(**{name: Sum(name) for name in SUMMED})
    meter = Meter.begun_after(
        target.rules,
        last.place,
        throughput_ah=last.throughput_ah,
        throughput_wh=last.throughput_wh,
        totals=Totals(**sums),
    )
    if last.end_time > until:  # all rows of the next cycle are there; its first one is no more to be read
        block = rows_in_order(target.battery, (last.end_time, 0), 1, columns_to_read(target.battery))
        meter.advance(meter_rows(block))
    return meter, meter.newest or begin


def _usable_checkpoints(target: Target, late_from: float) -> Iterator[MeasuredCheckpoint]:
    """The newest ones before the late rows; where rows were deleted, later ones too, and none that rows after lack."""
    kept, until = MeasuredCheckpoint.objects.filter(battery=target.battery), target.battery.dropped_until
    if until is not None:
        kept = kept.filter(test_time__gt=until)
    yield from kept.filter(test_time__lte=late_from).order_by("-test_time")
    if until is not None:
        yield from kept.filter(test_time__gt=late_from).order_by("test_time")
