"""Readings of one asset come in: kept as they are, and accounted for in the same transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from energykit.quarters import QUARTER_SECONDS, labelled
from fleet import tables
from fleet.accounting.recomputing import recompute
from fleet.errors import NoSuchAsset, OfBattery
from fleet.models import Asset
from fleet.validators import PostedReadings


@dataclass(frozen=True)
class Receipt:
    """What became of a request; `quarters` are the beginnings (s) of those that its readings describe."""

    posted: PostedReadings
    quarters: list[int]

    def as_map(self) -> dict[str, Any]:
        return {
            "spaceship_id": self.posted.number,
            "accepted": self.posted.accepted,
            "skipped": self.posted.skipped,
            "warnings": self.posted.warnings,
            "quarters": len(self.quarters),
            "start": labelled(self.quarters[0]) if self.quarters else None,
            "end": labelled(self.quarters[-1] + QUARTER_SECONDS) if self.quarters else None,
        }


def post_readings(posted: PostedReadings) -> Receipt:
    """Stores them, each in place of one of the same time. Raises NoSuchAsset, OfBattery."""
    with transaction.atomic():
        asset = locked_asset(posted.number)
        times = [reading.time for reading in posted.readings]
        all_new = asset.last_time is None or times[0] > asset.last_time
        columns = [[asset.pk] * len(times), *map(list, zip(*posted.readings, strict=True))]
        tables.store_readings(connection, columns, all_new=all_new)
        quarters = recompute(asset.pk, times)
        took_in(asset, times[0], times[-1])
    return Receipt(posted, quarters)


def locked_asset(number: int) -> Asset:
    """The asset of that number, made if need be, and locked until the transaction ends."""
    if settings.ENERGY_NEW_ASSETS:
        Asset.objects.get_or_create(number=number)
    asset = Asset.objects.select_for_update().filter(number=number).first()
    if asset is None:
        raise NoSuchAsset(number)
    if asset.battery_id is not None:
        raise OfBattery(number)
    return asset


def took_in(asset: Asset, first: int, last: int) -> None:
    """Notes that readings from `first` to `last` (µs) were accounted for."""
    asset.first_time = first if asset.first_time is None else min(first, asset.first_time)
    asset.last_time = last if asset.last_time is None else max(last, asset.last_time)
    asset.last_received = time.time()
    asset.changes += 1
    asset.save(update_fields=["first_time", "last_time", "last_received", "changes"])
