"""Uploads in a form: several files under one name, and those that a version before had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.files.base import File

from uploads.models import AnySupportFile


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFiles(forms.FileField):
    """Any number of uploads under one name; its value is a list."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[File]:
        return [super(SeveralFiles, self).clean(file, initial) for file in data or []]


def with_kept(files: Sequence[File], before: Iterable[AnySupportFile]) -> list[File]:
    """The uploads, and those files of an earlier version that no upload replaces."""
    replaced = {file.name for file in files}
    return [*files, *(File(old.file.open("rb"), name=old.name) for old in before if old.name not in replaced)]
