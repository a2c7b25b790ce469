"""Ask for an import: remember the file, queue the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models.signals import post_delete

from datahub.errors import FileTooLarge
from datahub.models import Battery, DataImport
from jobs.queue import enqueue

KIND = "import_file"
TRIES = 3  # rows are stored once however often they come, so a job that lost its worker may begin again


def request_import(file: File, *, battery: Battery | None = None, requested_by: Any = None) -> DataImport:
    """Stores the file and queues the job that reads it. Without a battery, the file says whose rows it holds.

    Raises FileTooLarge.
    """
    check_size(file)
    name = Path(str(file.name)).name[:255] or "file"
    with transaction.atomic():
        data_import = DataImport(battery=battery, file_name=name, requested_by=requested_by)
        data_import.file.save(name, file, save=False)
        data_import.save()
        data_import.job = enqueue(
            KIND,
            subject=f"datahub.battery:{battery.pk}" if battery else f"datahub.dataimport:{data_import.pk}",
            title=f"Import {name}" + (f" into {battery.name}" if battery else "")[:250],
            arguments={"import_id": data_import.pk},
            requested_by=requested_by,
            max_tries=TRIES,
        )
        data_import.save(update_fields=["job"])
    return data_import


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
