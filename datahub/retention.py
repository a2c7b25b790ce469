"""Rows that a battery keeps no longer: a worker deletes the oldest, a portion a transaction, so that ingest goes on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from datahub import tables
from datahub.charting.summarising import forget_dropped
from datahub.keeping import Keeping, keeping_of
from datahub.models import DROP, Battery
from datahub.signals import rows_dropped

SECONDS_BETWEEN_LOOKS = 5.0
ROWS_A_TRANSACTION = 5_000
BATTERIES_A_TRANSACTION = 200
ROWS_A_LOOK = 100  # are read of each battery to see which are too old; more where all of them are
LONGEST_REST_SECONDS = 0.5


@dataclass
class Round:
    """Batteries that have rows to lose, still to be seen by this process."""

    waiting: list[int] = field(default_factory=list)
    looked: float = -math.inf


current_round = Round()


def drop_old_rows(seen: Round = current_round) -> bool:
    """One transaction. Tells whether there may be more to do."""
    if not seen.waiting:
        if time.monotonic() - seen.looked < SECONDS_BETWEEN_LOOKS:
            return False
        seen.looked = time.monotonic()
        seen.waiting = due(time.time())
    if seen.waiting:
        begun = time.monotonic()
        seen.waiting = drop_portion(seen.waiting, time.time())
        # As long as it held locks: others wait for SQLite's by looking now and then, and would miss a short gap.
        time.sleep(min(time.monotonic() - begun, LONGEST_REST_SECONDS))
    return bool(seen.waiting)


def due(now: float) -> list[int]:
    """Ids of batteries with too many rows, or too old ones, in one query."""
    return [battery.pk for battery in _limited() if _loses_rows(battery, keeping_of(battery), now)]


def _limited() -> QuerySet[Battery]:
    """Those to which any limit applies."""
    fields = ("rows", "dropped_rows", "first_received", "most_rows", "when_full", "keep_days")
    found = Battery.objects.filter(rows__gt=0).order_by("pk").only(*fields)
    if settings.ROWS_MOST or settings.ROWS_DAYS:
        return found
    return found.filter(Q(most_rows__gt=0) | Q(keep_days__gt=0))


def _loses_rows(battery: Battery, keeping: Keeping, now: float) -> bool:
    if battery.kept_rows < 2:  # the newest stays
        return False
    before = keeping.received_before(now)
    is_old = before is not None and battery.first_received is not None and battery.first_received < before
    return is_old or _surplus(battery, keeping) > 0


def _surplus(battery: Battery, keeping: Keeping) -> int:
    if keeping.most_rows is None or keeping.when_full != DROP:
        return 0
    return battery.kept_rows - keeping.most_rows


def drop_portion(battery_ids: list[int], now: float) -> list[int]:
    """Deletes rows of the first of these batteries, in one transaction; returns the ids of those that are left."""
    some, rows = battery_ids[:BATTERIES_A_TRANSACTION], ROWS_A_TRANSACTION
    with transaction.atomic():
        # Not its key: who stores a record that refers to the battery, and holds what follows, would wait for this.
        locked = Battery.objects.select_for_update(no_key=True).defer("metadata", "description").filter(pk__in=some)
        dropped, left = [], battery_ids[BATTERIES_A_TRANSACTION:]
        for battery in locked.order_by("pk"):
            if going := _drop_some(battery, rows, now):
                dropped.append(battery)
            rows -= going
            if rows <= 0:
                left = battery_ids[battery_ids.index(battery.pk) :]
                break
        if dropped:
            rows_dropped.send(sender=Battery, batteries=dropped)
    return left


def _drop_some(battery: Battery, most: int, now: float) -> int:
    """Deletes up to so many of its oldest rows that are too old or too many; tells how many."""
    if not battery.columns:
        return 0
    keeping = keeping_of(battery)
    surplus, before = _surplus(battery, keeping), keeping.received_before(now)
    reading = max(surplus, ROWS_A_LOOK)
    while True:
        reading = min(reading, most)
        first = tables.oldest(connection, battery.pk, reading + 1)
        old = _number_of_old(first, before)
        if old <= reading or reading == most:
            break
        reading *= 4  # all that were read go, and maybe more
    going = min(max(surplus, old), most, len(first) - 1)
    if going <= 0:
        return 0
    _drop(battery, last=first[going - 1][0], next_received=first[going][1])
    return going


def _number_of_old(first: list[tuple[int, float]], before: float | None) -> int:
    """What came before a row that is too old goes with it, whatever the clock said then."""
    if before is None:
        return 0
    return max((place for place, (_, received) in enumerate(first, start=1) if received < before), default=0)


def _drop(battery: Battery, last: int, next_received: float) -> None:
    gone, greatest = tables.delete_oldest(connection, battery.pk, last)
    battery.dropped_rows += gone
    battery.dropped_to = last
    if greatest is not None:
        battery.dropped_until = max(greatest, -math.inf if battery.dropped_until is None else battery.dropped_until)
    battery.first_test_time = tables.least_test_time(connection, battery.pk)
    battery.first_received = next_received
    battery.save(update_fields=["dropped_rows", "dropped_to", "dropped_until", "first_test_time", "first_received"])
    forget_dropped(battery)
