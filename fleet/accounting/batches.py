"""Readings of many assets in one request: the same rules on arrays, and few statements for all of them."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from energykit.quarters import QUARTER, arrays
from fleet import tables
from fleet.accounting.recomputing import clusters, max_gap, span_around
from fleet.errors import NoSuchAsset, OfBattery
from fleet.models import Asset

Spans = list[tuple[int, int, int]]


@dataclass(frozen=True)
class Batch:
    """Readings as columns of one length, in any order; no two of a number have the same time.

    `time` in µs; `value` in kW, or kWh where `is_energy`, NaN for a gap; `interval` (µs) was declared for all of them.
    """

    number: np.ndarray
    time: np.ndarray
    value: np.ndarray
    is_energy: np.ndarray
    interval: int | None = None

    def __len__(self) -> int:
        return len(self.time)

    def in_order(self) -> Batch:
        """By number and time."""
        ahead = self.number[1:] > self.number[:-1]
        if bool(np.all(ahead | ((self.number[1:] == self.number[:-1]) & (self.time[1:] > self.time[:-1])))):
            return self
        order = np.lexsort((self.time, self.number))
        number, time, value, is_energy = self.number[order], self.time[order], self.value[order], self.is_energy[order]
        return Batch(number, time, value, is_energy, self.interval)


@dataclass(frozen=True)
class BatchReceipt:
    assets: int
    readings: int
    quarters: int  # that were computed anew


@dataclass
class _Segments:
    """Readings to be computed from, some of an asset's side by side, and the spans whose quarters they give."""

    spans: Spans
    columns: list[tuple[np.ndarray, ...]]  # asset, time, value, is_energy, interval, step

    def add(self, first: int, end: int, columns: tuple[np.ndarray, ...]) -> None:
        self.spans.append((int(columns[0][0]), first, end))
        self.columns.append(columns)


def store_batch(batch: Batch) -> BatchReceipt:
    """Stores them, each in place of one of the same time, in one transaction. Raises NoSuchAsset, OfBattery."""
    ordered = batch.in_order()
    begins = np.flatnonzero(np.concatenate(([True], ordered.number[1:] != ordered.number[:-1])))
    counts = np.diff(np.append(begins, len(ordered)))
    steps = typical_steps(ordered.time, begins, max_gap())
    with transaction.atomic():
        assets = _locked(ordered.number[begins])
        ids = np.array([asset.pk for asset in assets], np.int64)
        columns = (
            np.repeat(ids, counts),
            ordered.time,
            ordered.value,
            ordered.is_energy,
            np.full(len(ordered), ordered.interval or 0, np.int64),
            np.repeat(steps, counts),
        )
        first, last = ordered.time[begins], ordered.time[begins + counts - 1]
        newest = np.array([-tables.FOREVER if asset.last_time is None else asset.last_time for asset in assets])
        is_appended = first > newest
        tables.store_reading_arrays(connection, columns, all_new=bool(is_appended.all()))
        quarters = 0
        for segments in _segments(assets, columns, begins, counts, is_appended):
            quarters += _recomputed(segments)
        now = clock.time()
        tables.note_readings(
            connection,
            [(pk, int(a), int(b), now) for pk, a, b in zip(ids.tolist(), first.tolist(), last.tolist(), strict=True)],
        )
    return BatchReceipt(len(assets), len(ordered), quarters)


def typical_steps(time: np.ndarray, begins: np.ndarray, gap: int) -> np.ndarray:
    """Lower median of the steps up to `gap` (µs) of each asset's readings, which begin at these places; 0: none."""
    step = np.diff(time, prepend=time[:1])
    asset = np.zeros(len(time), np.int64)
    asset[begins[1:]] = 1
    asset = np.cumsum(asset)
    step[begins] = 0
    counted = (step > 0) & (step <= gap)
    step, asset = step[counted], asset[counted]
    of_each = np.bincount(asset, minlength=len(begins))
    ends = np.cumsum(of_each)
    order = np.lexsort((step, asset))
    found = np.zeros(len(begins), np.int64)
    some = of_each > 0
    found[some] = step[order][(ends - of_each + (of_each - 1) // 2)[some]]
    return found


def _locked(numbers: np.ndarray) -> list[Asset]:
    """The assets of these numbers, in their order, made if need be and locked in the order of their ids."""
    wanted = numbers.tolist()
    if settings.ENERGY_NEW_ASSETS:
        there = set(tables.known_numbers(connection, wanted))
        missing = [Asset(number=number) for number in wanted if number not in there]
        Asset.objects.bulk_create(missing, ignore_conflicts=True, batch_size=500)
    found = {asset.number: asset for asset in tables.locked_assets(connection, wanted)}
    for number in wanted:
        if number not in found:
            raise NoSuchAsset(number)
        if found[number].battery_id is not None:
            raise OfBattery(number)
    return [found[number] for number in wanted]


# --- what is computed anew -----------------------------------------------------------------------------------------
def _segments(
    assets: list[Asset],
    columns: tuple[np.ndarray, ...],
    begins: np.ndarray,
    counts: np.ndarray,
    is_appended: np.ndarray,
) -> list[_Segments]:
    """Of assets whose readings all are new the batch itself, and what came right before; of others what is stored."""
    if bool(is_appended.all()) and all(asset.last_time is None for asset in assets):
        spans = _spans_from(columns[0][begins], columns[1][begins])
        return [_Segments(spans, [columns])]
    found = _Segments([], [])
    for asset, begin, count, appended in zip(assets, begins.tolist(), counts.tolist(), is_appended, strict=True):
        own = tuple(column[begin : begin + count] for column in columns)
        if not appended:
            for first, last in clusters(own[1].tolist()):
                span = span_around(asset.pk, first, last)
                found.add(span.first, span.end, _columns_of(asset.pk, span.readings))
        elif asset.last_time is None:
            found.add(_second(int(own[1][0])), tables.FOREVER, own)
        else:
            quarter = asset.last_time // QUARTER * QUARTER
            before = tables.readings_before(connection, asset.pk, quarter, 2)
            before += tables.readings_between(connection, asset.pk, quarter, int(own[1][0]))
            joined = tuple(map(np.concatenate, zip(_columns_of(asset.pk, before), own, strict=True)))
            found.add(_second(quarter), tables.FOREVER, joined)
    return [found]


def _spans_from(ids: np.ndarray, times: np.ndarray) -> Spans:
    return [(asset, _second(time), tables.FOREVER) for asset, time in zip(ids.tolist(), times.tolist(), strict=True)]


def _second(time: int) -> int:
    """Beginning (s) of the quarter that holds a time, µs."""
    return time // QUARTER * (QUARTER // 1_000_000)


def _columns_of(asset_id: int, readings: Sequence[Sequence[Any]]) -> tuple[np.ndarray, ...]:
    time, value, is_energy, interval, step = zip(*readings, strict=True)
    return (
        np.full(len(time), asset_id, np.int64),
        np.array(time, np.int64),
        np.array([np.nan if each is None else each for each in value]),
        np.array(is_energy, bool),
        np.array([each or 0 for each in interval], np.int64),
        np.array([each or 0 for each in step], np.int64),
    )


def _recomputed(segments: _Segments) -> int:
    """Stores the quarters of the spans; how many those are."""
    if len(segments.columns) == 1 and len(segments.spans) != 1:  # whole assets, none of them twice
        asset, time, value, is_energy, interval, step = segments.columns[0]
        found = arrays.quarters_of(asset, time, value[None], is_energy, interval, step, max_gap())
    else:
        _, time, value, is_energy, interval, step = map(np.concatenate, zip(*segments.columns, strict=True))
        lengths = [len(columns[0]) for columns in segments.columns]
        place = np.repeat(np.arange(len(lengths)), lengths)  # spans of one asset are apart
        found = arrays.quarters_of(place, time, value[None], is_energy, interval, step, max_gap())
        ids, firsts, ends = (np.array(column, np.int64) for column in zip(*segments.spans, strict=True))
        found = found.only((found.start >= firsts[found.asset]) & (found.start < ends[found.asset]))
        keys = np.stack([ids[found.asset], found.start])
        _, once = np.unique(keys, axis=1, return_index=True)  # spans that overlap say the same there
        found = arrays.QuarterArrays(keys[0][once], found.start[once], found.energies[:, once], found.covered[once])
    columns = [found.asset, found.start, found.energies[0], np.zeros(len(found)), found.covered]
    tables.replace_quarters(connection, segments.spans, [column.tolist() for column in columns])
    return len(found)
