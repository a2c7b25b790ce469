"""Files that were sent to be fitted: kept until their fit is done, and while it failed and may be tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.signals import post_delete

from datahub.imports.requesting import check_size
from jobs.models import Job, State

KIND = "fit_cell"
FOLDER = "fits"
LONGEST_NAME = 150


def keep(file: File) -> str:
    """Its name in the store of uploads; raises FileTooLarge."""
    check_size(file)
    name = Path(str(file.name)).name[-LONGEST_NAME:] or "file"
    return default_storage.save(f"{FOLDER}/{uuid4()}/{name}", file)


def path_of(name: str) -> Path:
    return Path(default_storage.path(name))


def forget(name: str) -> None:
    """With the folder that was made for it."""
    path = path_of(name)
    path.unlink(missing_ok=True)
    if path.parent.exists():
        path.parent.rmdir()


def remove_with_their_jobs() -> None:
    post_delete.connect(_forget_of, Job, dispatch_uid="twin.remove_fit_file")


def _forget_of(sender: type, instance: Job, **_: Any) -> None:
    name = instance.arguments.get("file") if instance.kind == KIND else None
    if not name:
        return
    others = Job.objects.filter(kind=KIND, arguments__file=name).exclude(state=State.DONE)  # a retry has the same file
    if not others.exclude(pk=instance.pk).exists():
        transaction.on_commit(lambda: forget(name))
