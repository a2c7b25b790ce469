"""What a file beside a script is, whichever room keeps it. Abstract: the tables are the rooms'."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Self

from django.core.files.base import File
from django.db import models

from uploads.storage import keep_names


def path_of_support_file(support_file: AnySupportFile, name: str) -> str:
    return str(support_file.folder_of_version / "files" / support_file.name)


class AnySupportFile(models.Model):
    """A file that lies beside the script whenever it is loaded or run."""

    name = models.CharField(max_length=255)
    file = models.FileField(upload_to=path_of_support_file, storage=keep_names, max_length=500)
    size = models.BigIntegerField(editable=False, help_text="bytes")
    sha256 = models.CharField(max_length=64, editable=False)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def folder_of_version(self) -> PurePosixPath:
        """Of the version that it belongs to, below the media folder."""
        raise NotImplementedError

    def keep(self, file: File) -> Self:
        """Stores the file under its own name, and the record with its size and digest."""
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
        self.name = str(file.name)
        self.size = file.size
        self.sha256 = digest.hexdigest()
        self.file.save(self.name, file, save=False)
        self.save()
        return self
