"""When a battery's clock is set, or the battery goes: what was accounted for of it goes, too."""

from __future__ import annotations

from django.db import transaction

from fleet.models import Asset, EnergyDay, EnergyMonth, Quarter


def begin_anew(asset: Asset) -> None:
    """All quarters of a battery go, and its rows are taken once more: its clock was set."""
    with transaction.atomic():
        Asset.objects.select_for_update().get(pk=asset.pk)
        for sums in (Quarter, EnergyDay, EnergyMonth):
            sums._default_manager.filter(asset=asset).delete()
        Asset.objects.filter(pk=asset.pk).update(cursor=0, rows_seen=0, first_time=None, last_time=None)


def forget_battery(battery_id: int) -> None:
    """A battery was deleted, and its energy with it."""
    Asset.objects.filter(battery_id=battery_id).delete()
