"""Making, changing and deleting assets, whichever door it came through."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from fleet.accounting.clock import begin_anew
from fleet.errors import AssetTaken, NotConfirmed
from fleet.models import Asset

CHANGED = ("name", "kind", "price", "currency", "begun_at")


def create_asset(number: int, **wishes: Any) -> Asset:
    """Raises AssetTaken."""
    try:
        with transaction.atomic():
            return Asset.objects.create(number=number, **wishes)
    except IntegrityError:
        raise AssetTaken(number) from None


def update_asset(asset: Asset, **wishes: Any) -> Asset:
    """Changes those of CHANGED that are among the wishes."""
    fields = [name for name in CHANGED if name in wishes]
    is_other_clock = asset.battery_id is not None and wishes.get("begun_at", asset.begun_at) != asset.begun_at
    for name in fields:
        setattr(asset, name, wishes[name])
    asset.save(update_fields=fields)
    if is_other_clock:
        begin_anew(asset)
        asset.refresh_from_db()
    return asset


def delete_asset(asset: Asset, confirmed: str) -> None:
    """With its readings and its energy. Raises NotConfirmed where its number was not sent once more."""
    if confirmed != str(asset.number):
        raise NotConfirmed(asset.number)
    asset.delete()
