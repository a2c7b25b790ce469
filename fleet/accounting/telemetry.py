"""Batteries as assets: a duty of the workers takes the energy of their rows into the ledger, after a cursor of its own.

Power is current times voltage and holds until the next row, by the rules of readings that declare no interval. What is
drawn from a battery is its energy, what it is charged with is kept apart. Late rows re-open their quarters.
"""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass, field

import numpy as np
from django.db import connection, transaction

from energykit.quarters import MICROSECONDS, QUARTER_SECONDS, arrays
from fleet import ports, tables
from fleet.accounting.recomputing import APART, clusters, max_gap
from fleet.models import Asset, Kind
from jobs.shards import is_in_this_round, still_held

FIRST_NUMBER = 1_000_000_000  # of batteries; clients count from 1
ROWS_A_STEP = 20_000
BATTERIES_A_ROUND = 200
SECONDS_BETWEEN_LOOKS = 5.0


@dataclass
class Looks:
    """When this process looked last, and which batteries were found to have rows that wait."""

    next: float = -math.inf
    waiting: list[tuple[int, int]] = field(default_factory=list)  # (asset, rows of its battery)


looks = Looks()


def account_now_and_then(seen: Looks = looks) -> bool:
    """The duty: an idle worker calls several times a second, and a look is at all batteries."""
    if ports.batteries is None:
        return False
    if not seen.waiting:
        if clock.monotonic() < seen.next:
            return False
        seen.waiting = assets_with_rows(ports.batteries)
        seen.next = clock.monotonic() + SECONDS_BETWEEN_LOOKS
    now, seen.waiting = seen.waiting[:BATTERIES_A_ROUND], seen.waiting[BATTERIES_A_ROUND:]
    seen.waiting += [each for each in now if step(*each, ports.batteries)]
    return bool(seen.waiting)


def assets_with_rows(batteries: ports.Batteries) -> list[tuple[int, int]]:
    """(asset, rows of its battery) of those in this round of which rows wait; a new battery becomes an asset."""
    found = {each.battery_id: each for each in batteries.with_power() if is_in_this_round(each.battery_id)}
    known = dict(Asset.objects.filter(battery_id__isnull=False).values_list("battery_id", "rows_seen"))
    for battery_id in found.keys() - known.keys():
        make_asset(found[battery_id], batteries)
    waiting = [each.battery_id for each in found.values() if known.get(each.battery_id, 0) != each.rows]
    ids: list[tuple[int, int]] = []
    for first in range(0, len(waiting), tables.IDS_A_QUERY):
        some = waiting[first : first + tables.IDS_A_QUERY]
        pairs = Asset.objects.filter(battery_id__in=some).order_by("pk").values_list("pk", "battery_id")
        ids += [(pk, found[battery_id].rows) for pk, battery_id in pairs if battery_id is not None]
    return ids


def make_asset(battery: ports.PoweredBattery, batteries: ports.Batteries) -> None:
    """Its number is above all that clients count with, and free."""
    number = FIRST_NUMBER + battery.battery_id
    while Asset.objects.filter(number=number).exists():
        number += FIRST_NUMBER
    values = {
        "number": number, "name": battery.name, "kind": Kind.BATTERY,
        "begun_at": batteries.begun_at(battery.battery_id),
    }  # fmt: skip
    Asset.objects.get_or_create(battery_id=battery.battery_id, defaults=values)


def step(asset_id: int, rows: int, batteries: ports.Batteries) -> bool:
    """The next rows of one battery, which had so many when it was looked at. Tells whether there may be more."""
    asset = Asset.objects.filter(pk=asset_id, battery_id__isnull=False).first()
    if asset is None or asset.battery_id is None:
        return False
    new = batteries.rows_after(asset.battery_id, asset.cursor, ROWS_A_STEP)
    until = batteries.nothing_before(asset.battery_id)
    times = np.unique(new.times if until is None else new.times[new.times > until])
    spans, found = [], []
    for first, last in clusters(times.tolist(), APART / MICROSECONDS):
        begin, end, quarters = _around(asset, first, last, until, batteries)
        spans.append((asset.pk, begin, end))
        found.append(quarters)
    with transaction.atomic():
        held = still_held([asset.battery_id])
        locked = Asset.objects.select_for_update().filter(pk=asset_id, cursor=asset.cursor, begun_at=asset.begun_at)
        current = locked.first()
        if not held or current is None:
            return True
        tables.replace_quarters(connection, spans, _columns(asset.pk, found))
        current.cursor = new.cursor
        if not new.more:
            current.rows_seen = rows
        if len(times):
            zero = asset.begun_at or 0.0
            oldest, newest = (int(each) for each in _microseconds(times[[0, -1]], zero))
            current.first_time = oldest if current.first_time is None else min(oldest, current.first_time)
            current.last_time = newest if current.last_time is None else max(newest, current.last_time)
            current.last_received = clock.time()
            current.changes += 1
        current.save(update_fields=["cursor", "rows_seen", "first_time", "last_time", "last_received", "changes"])
    return new.more


def _around(
    asset: Asset, first: float, last: float, until: float | None, batteries: ports.Batteries
) -> tuple[int, int, arrays.QuarterArrays]:
    """Quarters (first, end, s) that rows of `first` to `last` (test_time, s) may have changed, and what they are."""
    battery_id = asset.battery_id or 0
    zero = asset.begun_at or 0.0
    before = batteries.times_before(battery_id, first, 1)
    after = batteries.times_after(battery_id, last, 2)
    begin = math.floor(((before or [first])[0] + zero) / QUARTER_SECONDS) * QUARTER_SECONDS
    if until is not None:  # rows of the quarter before that are gone; what they gave stays
        begin = max(begin, math.ceil((until + zero) / QUARTER_SECONDS) * QUARTER_SECONDS)
    end = math.ceil((after[1] + zero) / QUARTER_SECONDS) * QUARTER_SECONDS if len(after) == 2 else tables.FOREVER
    left = batteries.times_before(battery_id, begin - zero, 2)
    right = batteries.times_after(battery_id, end - zero, 1) if len(after) == 2 else []
    rows = batteries.window(battery_id, (left or [begin - zero])[0], (right or [math.inf])[-1])
    time = _microseconds(rows.time, zero)
    values = np.stack([np.maximum(-rows.power, 0.0), np.maximum(rows.power, 0.0)])
    none = np.zeros(len(time), np.int64)
    distinct = np.concatenate((time[1:] > time[:-1], [True])) if len(time) else np.zeros(0, bool)
    quarters = arrays.quarters_of(
        none[distinct], time[distinct], values[:, distinct], none[distinct] > 0, none[distinct], none[distinct],
        max_gap=max_gap(),
    )  # fmt: skip
    return begin, end, quarters.only((quarters.start >= begin) & (quarters.start < end))


def _columns(asset_id: int, found: list[arrays.QuarterArrays]) -> list[list[float]]:
    rows: dict[int, tuple[float, ...]] = {}
    for quarters in found:
        each = zip(quarters.start.tolist(), *quarters.energies.tolist(), quarters.covered.tolist(), strict=True)
        rows |= {row[0]: row for row in each}
    return [[asset_id] * len(rows), *([row[place] for row in rows.values()] for place in range(4))]


def _microseconds(times: np.ndarray, zero: float) -> np.ndarray:
    found: np.ndarray = np.rint((times + zero) * MICROSECONDS).astype(np.int64)
    return found
