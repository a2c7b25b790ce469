"""Measuring again: from the last checkpoint before a late row, or from the start where the rules have changed.

Rows are taken in order of (test_time, row id), so the result is what rows that came in order would have given.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from datahub.queries import rows_after, rows_in_order
from energykit.errors import BadCheckpoint
from energykit.measuring import Measured, Meter
from twin.estimation.lease import SPARE_SECONDS, this_process
from twin.measuring.commit import Again, Step, checkpoint_of, commit_again
from twin.measuring.records import MeasuredCheckpoint, MeasuredProgress
from twin.measuring.soc import count_soc
from twin.measuring.work import Target, columns_to_read, meter_rows

ROWS_AT_ONCE = 20_000
IDS_AT_ONCE = 100_000


def measure_again(target: Target, fence: int) -> bool:
    """Up to the battery's newest row; tells whether it was stored. Until then what was measured before is shown."""
    up_to, rows_seen, late_from = _what_waits(target)
    MeasuredProgress.objects.filter(pk=target.battery.pk, fence=fence).update(stale_from=late_from)
    meter, place = _start(target, late_from)
    first_cycle = meter.open_place
    again = Again(Step(target, fence, meter, Measured(), up_to, rows_seen), place, first_cycle)
    last_kept = meter.totals.rows
    after, columns = place, columns_to_read(target.battery)
    while True:
        block = rows_in_order(target.battery, after, ROWS_AT_ONCE, columns, up_to)
        if not len(block):
            break
        found = meter.advance(meter_rows(block))
        again.step.measured.cycles += found.cycles
        again.step.measured.resistances += found.resistances
        after = float(block.columns[columns[0]][-1]), int(block.ids[-1])
        if meter.totals.rows - last_kept >= settings.MEASURING_CHECKPOINT_ROWS:
            again.checkpoints.append(checkpoint_of(target, meter))
            last_kept = meter.totals.rows
        _keep_lease(target, fence)
    count_soc(again.step, ROWS_AT_ONCE)
    return commit_again(again)


def _what_waits(target: Target) -> tuple[int, int, float | None]:
    """Id of the battery's newest row, how many come after the cursor, least time of the late ones (None: the start)."""
    progress, columns = target.progress, columns_to_read(target.battery)[:1]
    cursor, rows, late_from = progress.cursor, 0, None
    while True:
        block = rows_after(target.battery, cursor, IDS_AT_ONCE, columns)
        if not len(block):
            break
        cursor, rows = int(block.ids[-1]), rows + len(block)
        late = block.columns[columns[0]][block.late]
        least = float(late.min()) if len(late) else None
        late_from = least if late_from is None else late_from if least is None else min(least, late_from)
    return cursor, rows, None if target.has_other_rules else late_from


def _start(target: Target, late_from: float | None) -> tuple[Meter, tuple[float, int] | None]:
    """A meter as it stood at the last checkpoint that no late row precedes, and where that was."""
    if late_from is not None:
        kept = MeasuredCheckpoint.objects.filter(battery=target.battery, test_time__lte=late_from)
        for checkpoint in kept.order_by("-test_time"):
            try:
                meter = Meter.restored(target.rules, bytes(checkpoint.state))
            except BadCheckpoint:
                continue
            return meter, (checkpoint.test_time, checkpoint.row_id)
    return Meter(target.rules), None


def _keep_lease(target: Target, fence: int) -> None:
    until = timezone.now() + timedelta(seconds=SPARE_SECONDS)
    mine = MeasuredProgress.objects.filter(pk=target.battery.pk, fence=fence, owner=this_process())
    mine.update(lease_until=until)
