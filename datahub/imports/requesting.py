"""Ask for an import: remember the file, queue the job; look at it first; take it out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from access.auditing import note
from datahub.errors import CannotBeUndone, FileTooLarge, ImportHasBegun
from datahub.imports.mapping import checked, remember
from datahub.models import Battery, DataImport
from datahub.registration import delete_battery
from jobs.models import State
from jobs.queue import enqueue

KIND = "import_file"
PREVIEW_KIND = "preview_import"
TRIES = 3  # rows are stored once however often they come, so a job that lost its worker may begin again


def request_import(
    file: File,
    *,
    battery: Battery | None = None,
    requested_by: Any = None,
    preview: bool = False,
    mapping: dict[str, Any] | None = None,
) -> DataImport:
    """Stores the file and queues the job that reads it. Without a battery, the file says whose rows it holds.

    With `preview` nothing is stored before `begin_import`. Raises FileTooLarge, MappingRefused.
    """
    check_size(file)
    name = Path(str(file.name)).name[:255] or "file"
    columns = checked(mapping or {})
    with transaction.atomic():
        data_import = DataImport(
            battery=battery, file_name=name, requested_by=requested_by, waits=preview, mapping=columns
        )
        data_import.file.save(name, file, save=False)
        data_import.save()
        _queue(data_import, PREVIEW_KIND if preview else KIND, requested_by)
    return data_import


def begin_import(data_import: DataImport, mapping: Any, battery: Battery | None, by: Any) -> DataImport:
    """Stores the rows of a file that was looked at. Remembers the mapping for files with the same columns.

    Raises ImportHasBegun, MappingRefused.
    """
    with transaction.atomic():
        found = DataImport.objects.select_for_update().get(pk=data_import.pk)
        if not found.waits:
            raise ImportHasBegun(found.pk, "has begun already")
        if found.preview is None:
            raise ImportHasBegun(found.pk, "has no preview so far: wait for its job, or look at why that failed")
        labels = [column["label"] for column in found.preview["columns"]]
        found.mapping = checked(mapping, labels)
        found.waits = False
        found.battery = battery or found.battery
        found.save(update_fields=["mapping", "waits", "battery"])
        remember(by, labels, found.mapping)
        _queue(found, KIND, by)
    return found


def undo_import(data_import: DataImport, by: Any) -> DataImport:
    """Takes its rows out again, with the battery that it made. Raises CannotBeUndone where others hang on it.

    Rows of a battery are a series that estimates and measurements follow; a piece out of its middle cannot go. So it is
    undone where the battery holds nothing else.
    """
    with transaction.atomic():
        found = (
            DataImport.objects.select_for_update(of=("self",)).select_related("battery", "job").get(pk=data_import.pk)
        )
        if why := why_not_undone(found):
            raise CannotBeUndone(found.file_name, why)
        battery = found.battery
        found.battery, found.undone, found.waits = None, timezone.now(), False
        found.save(update_fields=["battery", "undone", "waits"])
        if battery is not None:
            note("undone", found, note=f"{found.rows_stored} rows of {battery.name}"[:300])
            delete_battery(battery)
    return found


def why_not_undone(data_import: DataImport) -> str:
    """A sentence; empty where it can be undone."""
    if data_import.undone:
        return "it was undone already."
    if data_import.job is not None and data_import.job.state in (State.QUEUED, State.RUNNING):
        return "its job goes on. Cancel it first."
    battery = data_import.battery
    if battery is None:
        return "" if data_import.waits else "its battery is gone."
    if data_import.waits:
        return "nothing was stored."
    if not data_import.made_battery:
        return f"{battery.name} was there before, and its rows do not tell which of them this file brought."
    if battery.rows > data_import.rows_stored:
        return f"{battery.name} holds {battery.rows - data_import.rows_stored:,} rows that came otherwise."
    return ""


def _queue(data_import: DataImport, kind: str, by: Any) -> None:
    battery = data_import.battery
    verb = "Look at" if kind == PREVIEW_KIND else "Import"
    data_import.job = enqueue(
        kind,
        subject=f"datahub.battery:{battery.pk}" if battery else f"datahub.dataimport:{data_import.pk}",
        title=f"{verb} {data_import.file_name}" + (f" into {battery.name}" if battery else "")[:250],
        arguments={"import_id": data_import.pk},
        requested_by=by,
        max_tries=TRIES,
    )
    data_import.save(update_fields=["job"])


def check_size(file: File) -> None:
    """Raises FileTooLarge."""
    if file.size > settings.IMPORT_MAX_BYTES:
        raise FileTooLarge(file.size, settings.IMPORT_MAX_BYTES)


def remove_files_with_their_records() -> None:
    """A deleted import's file goes once the deletion is committed; Django leaves it by itself."""
    post_delete.connect(_remove_file, DataImport, dispatch_uid="datahub.remove_import_file")


def _remove_file(sender: type, instance: DataImport, **_: Any) -> None:
    storage, name = instance.file.storage, instance.file.name
    if name:
        transaction.on_commit(lambda: storage.delete(name))
