"""Files and tables that go with the records they belong to."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models.signals import post_delete

from twin import tables
from twin.models import Estimator, SupportFile
from uploads.storage import remove_once_committed


def remove_with_their_records() -> None:
    """Signals, because the admin and a battery's deletion go through querysets, which call no method of the record."""
    post_delete.connect(_remove_estimator, Estimator, dispatch_uid="twin.remove_estimator")
    post_delete.connect(_remove_support_file, SupportFile, dispatch_uid="twin.remove_support_file")


def _remove_estimator(sender: type, instance: Estimator, **_: Any) -> None:
    tables.drop(connection, instance.pk)
    remove_once_committed(instance.script)


def _remove_support_file(sender: type, instance: SupportFile, **_: Any) -> None:
    remove_once_committed(instance.file)
