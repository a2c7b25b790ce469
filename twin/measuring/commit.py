"""What was measured, with cursor and checkpoint, of many batteries in one transaction."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from datahub.models import Battery
from energykit.measuring import Cycle, Measured, Meter, Resistance
from twin.estimation.claims import still_mine
from twin.measuring import tables
from twin.measuring.records import (
    MeasuredCheckpoint,
    MeasuredCycle,
    MeasuredProgress,
    MeasuredResistance,
    MeasuredSoc,
)
from twin.measuring.work import Target

log = logging.getLogger(__name__)

BATCH = 500
CYCLE_FIELDS = tuple(each.name for each in MeasuredCycle._meta.concrete_fields if each.name not in ("id", "battery"))
RESISTANCE_FIELDS = tuple(
    each.name for each in MeasuredResistance._meta.concrete_fields if each.name not in ("id", "battery")
)


Place = tuple[float, int]  # test_time (s) and row id


@dataclass
class SocCount:
    """Time in bands of SOC as far as `place`, by default that of a battery without an estimator.

    `kept` are counts at places before it. With `replaces` those that were kept after `begin` go (None: all).
    """

    estimator: int = 0
    series: int = 0
    cursor: int = 0
    place: Place | None = None
    bands: bytes | None = None
    kept: list[MeasuredSoc] = field(default_factory=list)
    replaces: bool = False
    begin: Place | None = None


@dataclass
class Step:
    """What the rows up to `cursor` gave for one battery."""

    target: Target
    fence: int
    meter: Meter
    measured: Measured
    cursor: int
    rows_seen: int
    soc: SocCount = field(default_factory=SocCount)
    estimates: int = 0
    has_more: bool = False  # estimates wait: it is served again at once


@dataclass
class Again:
    """What measuring again from a place gave: it replaces all after it. `place` None: from the start."""

    step: Step
    place: Place | None
    first_cycle: int
    dropped_until: float | None = None  # of the battery, when it began
    checkpoints: list[MeasuredCheckpoint] = field(default_factory=list)


def commit(steps: Sequence[Step]) -> list[Step]:
    """Stores them and tells which were stored: not those that another process has claimed meanwhile."""
    with transaction.atomic():
        mine = _still_mine(steps)
        _insert(mine)
        kept = [step for step in mine if _is_due(step)]
        MeasuredCheckpoint.objects.bulk_create(
            [checkpoint_of(step.target, step.meter) for step in kept], batch_size=BATCH, ignore_conflicts=True
        )
        _keep_soc(mine)
        places = {step.target.battery.pk for step in kept}
        begun = [step.target for step in mine if not step.target.progress.rules]
        for target in begun:
            MeasuredProgress.objects.filter(pk=target.battery.pk).update(rules=target.rules.as_mapping())
        tables.update_progress(connection, [_values(step, step.target.battery.pk in places) for step in mine])
    return mine


def commit_again(again: Again) -> bool:
    """The old numbers stand until here, then the new ones; False where another process has claimed the battery."""
    step = again.step
    battery = step.target.battery
    with transaction.atomic():
        if not _still_mine([step]) or _misses_rows(again):
            return False
        MeasuredCycle.objects.filter(battery=battery, place__gte=again.first_cycle).delete()
        later = _later_than(again.place)
        MeasuredResistance.objects.filter(later, battery=battery).delete()
        MeasuredCheckpoint.objects.filter(later, battery=battery).delete()
        MeasuredCheckpoint.objects.bulk_create(again.checkpoints, batch_size=BATCH, ignore_conflicts=True)
        _insert([step])
        _keep_soc([step])
        tables.update_progress(connection, [_values(step, bool(again.checkpoints))])
        MeasuredProgress.objects.filter(pk=battery.pk).update(
            rules=step.target.rules.as_mapping(), stale_from=None, again_rows=None, again_of=None
        )
    return True


def _later_than(place: Place | None) -> Q:
    if place is None:
        return Q()
    time, row = place
    return Q(test_time__gt=time) | Q(test_time=time, row_id__gt=row)


def _keep_soc(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.soc.replaces:
            others = ~Q(estimator=step.soc.estimator)
            kept = MeasuredSoc.objects.filter(battery=step.target.battery.pk)
            kept.filter(_later_than(step.soc.begin) | others).delete()
    MeasuredSoc.objects.bulk_create([each for step in steps for each in step.soc.kept], ignore_conflicts=True)


def _misses_rows(again: Again) -> bool:
    """Whether rows after its beginning were deleted while it read them."""
    battery = again.step.target.battery
    until = Battery.objects.values_list("dropped_until", flat=True).get(pk=battery.pk)
    if until is None or until == again.dropped_until:
        return False
    return again.place is None or again.place[0] <= until


def _still_mine(steps: Iterable[Step]) -> list[Step]:
    by_id = {step.target.battery.pk: step for step in steps}
    mine = still_mine({pk: step.fence for pk, step in by_id.items()}, {pk: pk for pk in by_id}, MeasuredProgress)
    for pk in by_id.keys() - mine:
        log.warning("Battery %s was taken over or deleted while it was measured here; nothing of it is written.", pk)
    return [step for pk, step in by_id.items() if pk in mine]


def _insert(steps: Collection[Step]) -> None:
    cycles = [_record(MeasuredCycle, CYCLE_FIELDS, step, each) for step in steps for each in step.measured.cycles]
    MeasuredCycle.objects.bulk_create(cycles, batch_size=BATCH)
    resistances = [
        _record(MeasuredResistance, RESISTANCE_FIELDS, step, each)
        for step in steps
        for each in step.measured.resistances
    ]
    MeasuredResistance.objects.bulk_create(resistances, batch_size=BATCH)


def _record(kind: Any, names: Sequence[str], step: Step, measured: Cycle | Resistance) -> Any:
    """Databases differ in what they make of NaN; NULL is the same in all."""
    values = {name: getattr(measured, name) for name in names}
    known = {name: None if value != value else value for name, value in values.items()}
    return kind(battery_id=step.target.battery.pk, **known)


# --- progress ------------------------------------------------------------------------------------------------------
def _is_due(step: Step) -> bool:
    """Whether so many rows were taken since the last checkpoint that the next one is kept."""
    taken = step.meter.totals.rows - step.target.progress.checkpoint_rows
    return taken >= settings.MEASURING_CHECKPOINT_ROWS


def checkpoint_of(target: Target, meter: Meter) -> MeasuredCheckpoint:
    time, row = meter.newest or (math.nan, 0)
    return MeasuredCheckpoint(battery_id=target.battery.pk, test_time=time, row_id=row, state=meter.checkpoint())


def _values(step: Step, is_kept: bool) -> tuple[Any, ...]:
    progress, soc = step.target.progress, step.soc
    soc_time, soc_row = soc.place or (None, 0)
    return (
        step.cursor,
        progress.rows_seen + step.rows_seen,
        step.meter.newest_time,
        step.meter.checkpoint(),
        step.meter.totals.rows if is_kept else progress.checkpoint_rows,
        soc.estimator,
        soc.series,
        soc.cursor,
        soc_time,
        soc_row,
        soc.bands,
        None if step.has_more else connection.ops.adapt_datetimefield_value(timezone.now()),
        progress.pk,
    )
