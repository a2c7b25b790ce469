"""Which quarters a change touches, and what they are now."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.db import connection

from energykit.quarters import MICROSECONDS, QUARTER, QUARTER_SECONDS, QuarterSum, Reading, ends, quarters_of
from fleet import tables

T = TypeVar("T", int, float)

APART = 24 * 4 * QUARTER  # µs; readings that far apart are worked on by themselves


@dataclass(frozen=True)
class Span:
    """Quarters from `first` to before `end`, s, that may have changed, and the readings that they are made of.

    `readings` has those before and after that their ends depend on.
    """

    first: int
    end: int
    readings: list[Reading]

    def quarters(self, max_gap: int) -> dict[int, QuarterSum]:
        found = quarters_of(self.readings, max_gap)
        return {start: each for start, each in found.items() if self.first <= start < self.end}


def max_gap() -> int:
    """µs."""
    return settings.ENERGY_MAX_GAP_SECONDS * MICROSECONDS


def clusters(times: Sequence[T], apart: T = APART) -> list[tuple[T, T]]:
    """First and last of the times that lie no further apart than that; they are in order."""
    found: list[tuple[T, T]] = []
    for time in times:
        if found and time - found[-1][1] <= apart:
            found[-1] = (found[-1][0], time)
        else:
            found.append((time, time))
    return found


def span_around(asset_id: int, first: int, last: int) -> Span:
    """What readings stored with times from `first` to `last` may have changed.

    The reading before now ends elsewhere. The one after may: without a step it guesses its end from the one before it.
    """
    before = tables.readings_before(connection, asset_id, first, 1)
    after = tables.readings_after(connection, asset_id, last, 2)
    begin = _floor(before[0][0] if before else first)
    end = -_floor(-after[1][0]) if len(after) == 2 else tables.FOREVER
    rows = [
        *tables.readings_before(connection, asset_id, begin, 2),
        *tables.readings_between(connection, asset_id, begin, end),
    ]
    if end < tables.FOREVER:
        rows += tables.readings_after(connection, asset_id, end - 1, 1)
    end_seconds = end // MICROSECONDS if end < tables.FOREVER else tables.FOREVER
    readings = [
        Reading(time, value, bool(is_energy), interval, step) for time, value, is_energy, interval, step in rows
    ]
    return Span(begin // MICROSECONDS, end_seconds, readings)


def recompute(asset_id: int, times: Sequence[int]) -> list[int]:
    """After readings of these times (µs, in order) were stored: their quarters, and all others that they changed.

    Returns the beginnings (s) of the quarters that those readings describe, in order. The asset is locked.
    """
    gap = max_gap()
    described: set[int] = set()
    spans, columns = [], _Columns()
    for first, last in clusters(times):
        span = span_around(asset_id, first, last)
        spans.append((asset_id, span.first, span.end))
        columns.add(asset_id, span.quarters(gap))
        described |= _described(span.readings, gap, _among(times))
    tables.replace_quarters(connection, spans, columns.of_unique())
    return sorted(described)


class _Columns:
    """Quarters as columns to be stored; spans of clusters may overlap, and say the same there."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], QuarterSum] = {}

    def add(self, asset_id: int, quarters: dict[int, QuarterSum]) -> None:
        for start, found in quarters.items():
            self._rows[asset_id, start] = found

    def of_unique(self) -> list[list[float]]:
        rows = self._rows
        return [
            [asset for asset, _ in rows],
            [start for _, start in rows],
            [float(found.energy) for found in rows.values()],
            [0.0] * len(rows),
            [found.covered for found in rows.values()],
        ]


def _described(readings: list[Reading], gap: int, is_among: Callable[[int], bool]) -> set[int]:
    found: set[int] = set()
    for reading, end in zip(readings, ends(readings, gap), strict=True):
        if reading.value is not None and end > reading.time and is_among(reading.time):
            found.update(range(reading.time // QUARTER, (end - 1) // QUARTER + 1))
    return {quarter * QUARTER_SECONDS for quarter in found}


def _among(times: Sequence[int]) -> Callable[[int], bool]:
    def is_among(time: int) -> bool:
        place = bisect_left(times, time)
        return place < len(times) and times[place] == time

    return is_among


def _floor(time: int) -> int:
    return time // QUARTER * QUARTER
