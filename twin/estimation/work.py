"""Which estimators have rows waiting, and the rows themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import F, Q, QuerySet

from datahub.models import Battery
from datahub.queries import RowBlock, rows_after, rows_in_order
from jobs.models import State
from jobs.shards import in_this_round
from twin.estimation.sieve import NEEDED, Sifted, sift
from twin.models import Estimator, EstimatorProgress, Recomputation
from twin.states import Kind, Stored, missing_columns

TEMPERATURE = "temperature"
KNOWN_TO_SCRIPTS = (*NEEDED, TEMPERATURE)
STEPPED = Q(is_current=True) | Q(followed=True)
AT_WORK = (Stored.WAITING, Stored.READY)
# Or no job is under way that loads it, so that one can be queued.
LOADED = Q(progress__checkpoint__isnull=False) | Q(load_job=None) | Q(load_job__state=State.DONE)


def with_rows_waiting(kind: str, limit: int) -> list[int]:
    """Ids of the estimators of a kind that are stepped and have rows waiting, the longest unserved first.

    Of this round's shards. Not those that cannot begin: nothing would come of their turns, and they would keep the
    first places.
    """
    found = Estimator.objects.filter(
        STEPPED, kind=kind, state__in=AT_WORK, battery__rows__gt=F("progress__rows_seen")
    ).order_by("progress__updated")
    found = in_this_round(found, "battery_id")
    if kind == Kind.SCRIPT:
        span = F("battery__last_test_time") - F("battery__first_test_time")
        found = found.annotate(span=span).filter(Q(state=Stored.READY) | Q(span__gte=F("required_time")) & LOADED)
    return first_with_columns(found, limit)


def first_with_columns(found: QuerySet[Any], limit: int) -> list[int]:
    """Ids of the first whose battery has the columns that are needed."""
    each = found.values_list("pk", "battery__columns").iterator()
    return list(islice((pk for pk, columns in each if not missing_columns(columns)), limit))


def being_recomputed(kind: str, limit: int) -> list[int]:
    """Ids of the estimators of a kind whose second track can go on."""
    found = Recomputation.objects.filter(
        estimator__kind=kind, estimator__state__in=AT_WORK, error="", needs_start=False
    )
    found = in_this_round(found, "estimator__battery_id").order_by("updated")
    return list(found.values_list("pk", flat=True)[:limit])


def with_progress(estimator_ids: Collection[int]) -> list[Estimator]:
    """The estimators as they stand after they were claimed."""
    found = Estimator.objects.filter(pk__in=estimator_ids).order_by("pk")
    found = found.select_related("battery", "progress", "recomputation")
    return list(found.defer("battery__metadata", "parameters", "traceback"))


def tracks_of(estimator: Estimator) -> list[EstimatorProgress | Recomputation]:
    """Those of its ways through the rows that can go on now; the second one while late rows are worked in."""
    progress, again = estimator.progress, getattr(estimator, "recomputation", None)
    found: list[EstimatorProgress | Recomputation] = []
    if estimator.battery.rows > progress.rows_seen and (estimator.is_current or estimator.followed):
        found.append(progress)
    if again is not None and not again.error and not again.needs_start:
        found.append(again)
    return found


@dataclass(frozen=True)
class Chunk:
    """Rows that come next on a track, of which `sifted.usable` may be stepped."""

    track: EstimatorProgress | Recomputation
    block: RowBlock
    sifted: Sifted
    is_last: bool  # there are no more rows after these

    @property
    def latest_time(self) -> float | None:
        """Before these rows."""
        return self.track.latest_time

    def __len__(self) -> int:
        return len(self.block)

    def needed(self, name: str) -> np.ndarray:
        return _needed(self.block.columns, name)

    def usable(self, name: str) -> np.ndarray:
        return self.block.columns[name][self.sifted.usable]

    def up_to(self, usable_rows: int) -> tuple[int, Counter[str], float | None]:
        """If only so many of the usable rows are taken: rows seen, those skipped among them by reason, late_from."""
        if usable_rows >= len(self.sifted.usable):
            return len(self), self.sifted.skipped, self.sifted.late_from
        seen = int(self.sifted.usable[usable_rows])
        time, current, voltage = (self.needed(name)[:seen] for name in NEEDED)
        begun = sift(time, current, voltage, self.latest_time)
        return seen, begun.skipped, begun.late_from

    def after(self, seen: int) -> Place:
        """Where the track stands once so many of these rows are seen."""
        track = self.track
        if isinstance(track, Recomputation) and track.in_order:
            through = self.is_last and seen == len(self)
            last = (float(self.needed("test_time")[seen - 1]), int(self.block.ids[seen - 1])) if seen else None
            return Place(track.cursor, 0, last or (track.read_time, track.read_row), not through)
        cursor = int(self.block.ids[seen - 1]) if seen else track.cursor
        return Place(cursor, seen, (None, 0), False)


@dataclass(frozen=True)
class Place:
    """How far a track has been read: in order of arrival to `cursor`, or in order of time to `read`."""

    cursor: int
    rows_seen: int  # more than before, of those that `cursor` counts
    read: tuple[float | None, int]
    in_order: bool

    def position(self, track: EstimatorProgress | Recomputation) -> tuple[Any, ...]:
        """As `track.position` will tell it."""
        if isinstance(track, Recomputation):
            return (track.started, *self.read) if self.in_order else (track.started, self.cursor)
        return track.series, self.cursor


def next_chunk(
    estimator: Estimator,
    track: EstimatorProgress | Recomputation,
    limit: int,
    columns: Sequence[str] | None = None,
) -> Chunk:
    """`columns` None: all that the battery has."""
    block = next_block(estimator, track, limit, columns)
    time, current, voltage = (_needed(block.columns, name) for name in NEEDED)
    return Chunk(track, block, sift(time, current, voltage, track.latest_time), len(block) < limit)


def next_block(
    estimator: Estimator,
    track: EstimatorProgress | Recomputation,
    limit: int,
    columns: Sequence[str] | None = None,
) -> RowBlock:
    """Rows where the track reads on."""
    if isinstance(track, Recomputation) and track.in_order:
        after = None if track.read_time is None else (track.read_time, track.read_row)
        return rows_in_order(estimator.battery, after, limit, columns, track.up_to)
    return rows_after(estimator.battery, track.cursor, limit, columns)


def needed_columns(battery: Battery, with_temperature: bool = False) -> list[str]:
    """test_time, current and voltage as this battery spells them; last its temperature, if wished and a number."""
    spelled = {name.lower(): name for name in battery.columns}
    temperature = spelled.get(TEMPERATURE, "")
    is_read = with_temperature and battery.columns.get(temperature, "text") != "text"
    return [*(spelled[name] for name in NEEDED), *([temperature] if is_read else [])]


def as_scripts_know_them(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns under battery-data-toolkit's names where a battery spells these otherwise, such as `Voltage`."""
    return {name.lower() if name.lower() in KNOWN_TO_SCRIPTS else name: values for name, values in columns.items()}


def _needed(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    return numbers(next(values for spelled, values in columns.items() if spelled.lower() == name))


def numbers(column: np.ndarray) -> np.ndarray:
    """A text column can be called `voltage`: none of its rows has a number there."""
    return np.full(len(column), np.nan) if column.dtype == object else column
