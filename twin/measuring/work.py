"""Which batteries have something to be measured, by which rules, and their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import BinaryField, Exists, F, Func, IntegerField, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from datahub.models import Battery
from datahub.queries import RowBlock
from energykit.measuring import MeasuringRules, Meter, MeterRows
from energykit.measuring.checkpoint import HEAD
from jobs.shards import in_this_round
from twin.dropping import before_the_first_row
from twin.estimation.sieve import NEEDED
from twin.estimation.work import first_with_columns
from twin.health import positive_number
from twin.measuring.records import MeasuredProgress
from twin.models import Estimator, EstimatorProgress
from twin.states import missing_columns

ROWS_WORTH_A_ROUND = 1000  # so many waiting rows are measured without a pause
MOST_BATTERIES_BEGUN = 1000  # in one transaction, which locks them
MOST_UNREADABLE = 1000  # are looked for at a time
BESIDE = ("temperature", "cycle_number")
NOMINAL = KeyTextTransform("nominal_capacity", KeyTextTransform("battery", "battery__metadata"))


@dataclass(frozen=True)
class Target:
    """A battery to measure: where that stands, its rules, and the estimator whose SOC is counted in bands."""

    progress: MeasuredProgress
    rules: MeasuringRules
    estimator: Estimator | None

    @property
    def battery(self) -> Battery:
        return self.progress.battery

    @property
    def has_other_rules(self) -> bool:
        """What is measured so far went by other rules than these."""
        has_begun = self.progress.rows_seen > 0 and bool(self.progress.rules)
        return has_begun and self.progress.rules != self.rules.as_mapping()


def begin_new_ones() -> None:
    """A record of progress for each battery with rows that has none."""
    found = in_this_round(Battery.objects.filter(rows__gt=0, measured=None), "pk").order_by("pk")
    if not (missing := list(found.values_list("pk", flat=True)[:MOST_BATTERIES_BEGUN])):
        return
    with transaction.atomic():
        # Locked: rows that are deleted between the look and the record would be awaited for ever.
        locked = Battery.objects.select_for_update(no_key=True).filter(pk__in=missing).order_by("pk")
        MeasuredProgress.objects.bulk_create(
            [
                MeasuredProgress(battery=battery, **before_the_first_row(battery))
                for battery in locked.only("dropped_to", "dropped_rows")
            ],
            ignore_conflicts=True,
        )


def with_work(limit: int) -> list[int]:
    """Ids of batteries with rows or estimates to be measured, the longest unserved first; they have all columns.

    New rows gather for MEASURING_PAUSE_SECONDS, so that 10,000 batteries cost a claim and a commit that often, not at
    each row.
    """
    rested = timezone.now() - timedelta(seconds=settings.MEASURING_PAUSE_SECONDS)
    ahead = Estimator.objects.filter(
        battery=OuterRef("battery"), is_current=True, progress__rows_stepped__gt=0
    ).exclude(
        pk=OuterRef("soc_estimator"), progress__series=OuterRef("soc_series"), progress__cursor=OuterRef("soc_cursor")
    )
    found = MeasuredProgress.objects.filter(
        Q(battery__rows__gte=F("rows_seen") + ROWS_WORTH_A_ROUND)
        | (Q(updated=None) | Q(updated__lte=rested)) & (Q(battery__rows__gt=F("rows_seen")) | Exists(ahead))
    )
    found = in_this_round(found, "battery_id").order_by(F("updated").asc(nulls_first=True))
    return first_with_columns(found, limit)


def with_other_rules() -> list[int]:
    """Ids of batteries whose rules have changed since they were measured, such as by a new nominal capacity."""
    current = EstimatorProgress.objects.filter(estimator__is_current=True)
    references = dict(current.values_list("estimator__battery_id", "reference_capacity"))
    known = in_this_round(MeasuredProgress.objects.filter(rows_seen__gt=0), "battery_id")
    known = known.order_by("pk").annotate(nominal=NOMINAL)
    return [
        battery_id
        for battery_id, rules, columns, nominal in known.values_list("pk", "rules", "battery__columns", "nominal")
        if rules != _rules(nominal, references.get(battery_id)).as_mapping() and not missing_columns(columns)
    ]


def with_unreadable_checkpoint() -> list[int]:
    """Ids of batteries whose checkpoint is of another version of this program, or cut short.

    Without new rows nobody else would notice; until then nothing can be told of them.
    """
    whole = Meter(MeasuringRules()).checkpoint()
    checkpoint = F("checkpoint")
    found = MeasuredProgress.objects.filter(rows_seen__gt=0).annotate(
        head=Func(checkpoint, 1, HEAD.size, function="SUBSTR", output_field=BinaryField()),
        size=Func(checkpoint, function="LENGTH", output_field=IntegerField()),
    )
    return first_with_columns(found.exclude(head=whole[: HEAD.size], size=len(whole)).order_by("pk"), MOST_UNREADABLE)


def targets(battery_ids: Collection[int]) -> list[Target]:
    """The batteries as they stand after they were claimed; those without the needed columns are left out."""
    found = MeasuredProgress.objects.filter(pk__in=battery_ids).select_related("battery").order_by("pk")
    found = found.defer("battery__metadata", "battery__description").annotate(nominal=NOMINAL)
    estimators = {
        estimator.battery_id: estimator
        for estimator in Estimator.objects.filter(battery__in=battery_ids, is_current=True)
        .select_related("progress")
        .defer("parameters", "traceback", "script_output", "progress__checkpoint", "progress__covariance")
    }
    return [
        _target(progress, estimators.get(progress.pk))
        for progress in found
        if not missing_columns(progress.battery.columns)
    ]


def _target(progress: Any, estimator: Estimator | None) -> Target:
    reference = estimator.progress.reference_capacity if estimator else None
    return Target(progress, _rules(progress.nominal, reference), estimator)


def _rules(nominal: str | None, reference: float | None) -> MeasuringRules:
    """The nominal capacity (Ah) of the metadata, or else what the current estimator began with."""
    capacity = positive_number(nominal) or positive_number(reference)
    return MeasuringRules(nominal_capacity_ah=capacity, gap_seconds=settings.MEASURING_GAP_SECONDS)


# --- rows ----------------------------------------------------------------------------------------------------------
def columns_to_read(battery: Battery) -> list[str]:
    """Those that are measured from, as this battery spells them."""
    spelled = {name.lower(): name for name in battery.columns}
    return [spelled[name] for name in (*NEEDED, *BESIDE) if name in spelled]


def meter_rows(block: RowBlock) -> MeterRows:
    """As the meter takes them; a column of text has no number in any row."""
    columns = {
        name.lower(): np.full(len(values), np.nan) if values.dtype == object else values
        for name, values in block.columns.items()
    }
    time, current, voltage = (columns[name] for name in NEEDED)
    return MeterRows(block.ids, time, current, voltage, columns.get("temperature"), columns.get("cycle_number"))
