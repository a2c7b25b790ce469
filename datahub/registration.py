"""The verbs on a battery: make it, describe it, end it, delete it. One code path for seed path, REST and admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from access.auditing import CREATED, Deed, note, note_created, shown
from access.models import AuditEntry, Token
from datahub.errors import BadBatteryName, NameTaken
from datahub.metadata import checked_metadata
from datahub.models import Battery
from datahub.signals import battery_deleting
from datahub.validators import why_battery_name_is_refused

KEEPING = ("most_rows", "when_full", "keep_days")  # how much of it is kept; see datahub.keeping


def battery_for_upload(name: str) -> Battery:
    """The battery of that name, made now if there is none: the first record of a stream makes its battery."""
    battery, _ = Battery.objects.get_or_create(name=_checked_name(name))
    return battery


def batteries_for_upload(senders: Mapping[str, Deed | None]) -> None:
    """The same for many by name, in one statement for all that there are none of; each with whose doing it is."""
    names = list(senders)
    Battery.objects.bulk_create([Battery(name=_checked_name(name)) for name in names], ignore_conflicts=True)
    made = Battery.objects.filter(name__in=names).in_bulk()
    told = AuditEntry.objects.filter(kind=Battery._meta.label_lower, action=CREATED, record__in=list(map(str, made)))
    others = set(told.values_list("record", flat=True))  # another process came first
    note_created((battery, senders[battery.name]) for pk, battery in made.items() if str(pk) not in others)


def register_battery(
    metadata: Any,
    *,
    name: str | None = None,
    description: str | None = None,
    is_simulated: bool | None = None,
    must_be_new: bool = False,
    **keeping: Any,
) -> Battery:
    """Makes the battery that a BatteryMetadata document describes, or describes anew the one of its name.

    The name is `name`, or the document's, or a random one. What is None stays as it was. `metadata` None registers a
    battery of which only the name is known. `keeping` are the fields of KEEPING, as they shall be; None is a value of
    theirs. Raises MetadataRefused, BadBatteryName, NameTaken.
    """
    document = None if metadata is None else checked_metadata(metadata)
    chosen = _checked_name(name or (document or {}).get("name") or str(uuid4()))
    wishes = {"metadata": document, "description": description, "is_simulated": is_simulated}
    changes = {field: value for field, value in wishes.items() if value is not None} | _of_keeping(keeping)
    with transaction.atomic():
        battery, is_new = Battery.objects.get_or_create(name=chosen, defaults=changes)
        if must_be_new and not is_new:
            raise NameTaken(chosen)
        if changes and not is_new:
            _change(battery, changes)
    return battery


def update_battery(
    battery: Battery,
    *,
    metadata: Any = None,
    description: str | None = None,
    is_simulated: bool | None = None,
    **keeping: Any,
) -> Battery:
    """Changes what is not None, and `keeping` as it is given. Raises MetadataRefused before anything is changed."""
    wishes = {
        "metadata": None if metadata is None else checked_metadata(metadata),
        "description": description,
        "is_simulated": is_simulated,
    }
    _change(battery, {field: value for field, value in wishes.items() if value is not None} | _of_keeping(keeping))
    return battery


def update_metadata(battery: Battery, metadata: Any) -> Battery:
    return update_battery(battery, metadata=metadata)


def finish(battery: Battery) -> bool:
    """Its test has ended, so that silence is no alarm. False where it had ended already."""
    return _set_end(battery, Battery.objects.filter(finished_at=None), timezone.now())


def reopen(battery: Battery) -> bool:
    """Rows are expected again. False where they were."""
    return _set_end(battery, Battery.objects.exclude(finished_at=None), None)


def delete_battery(battery: Battery) -> None:
    """Deletes the battery with its rows and all that upper rooms keep of it, and revokes its device tokens."""
    with transaction.atomic():
        locked = Battery.objects.select_for_update().get(pk=battery.pk)
        battery_deleting.send(sender=Battery, battery=locked)
        Token.objects.filter(battery_name=locked.name).delete()
        locked.delete()  # its table of rows goes with it, see datahub.models.drop_rows


def _checked_name(name: str) -> str:
    if why := why_battery_name_is_refused(name):
        raise BadBatteryName(why, fields={"name": [why]})
    return name


def _of_keeping(wishes: dict[str, Any]) -> dict[str, Any]:
    if unknown := wishes.keys() - set(KEEPING):
        raise TypeError(f"A battery has no field {', '.join(sorted(unknown))}.")
    return wishes


def _change(battery: Battery, changes: dict[str, Any]) -> None:
    """Writes these fields alone: the counters beside them belong to the transactions that store rows."""
    for field, value in changes.items():
        setattr(battery, field, value)
    if changes:
        battery.save(update_fields=list(changes))


def _set_end(battery: Battery, among: Any, moment: Any) -> bool:
    before = battery.finished_at
    with transaction.atomic():
        changed = among.filter(pk=battery.pk).update(finished_at=moment)
        battery.refresh_from_db(fields=["finished_at"])
        if changed:
            ends = [shown("finished_at", before), shown("finished_at", moment)]
            note("finished" if moment else "reopened", battery, changes={"finished_at": ends})
    return bool(changed)
