"""Where uploads lie, what stands in them, and how they go with the records they belong to."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.db.models.fields.files import FieldFile


class NamesAsGiven(FileSystemStorage):
    """Keeps the name a file came with, for scripts open their files by it; uploads.checking has checked it.

    Each version of an estimator or a forecaster has a folder of its own, so that equal names do not meet.
    """

    def get_valid_name(self, name: str) -> str:
        return name


def keep_names() -> NamesAsGiven:
    return NamesAsGiven()


def text_of(script: FieldFile) -> str:
    """As people look at it; empty where there is none, or where its file is gone."""
    if not script:
        return ""
    try:
        with script.open("rb") as opened:
            return bytes(opened.read()).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


@dataclass(frozen=True)
class Line:
    number: int  # from 1
    text: str
    is_wrong: bool


def lines_of(script: FieldFile, error_line: int | None) -> list[Line]:
    """Its text, the line marked in which its last error arose; none where it is gone."""
    return [Line(place, line, place == error_line) for place, line in enumerate(text_of(script).splitlines(), 1)]


def remove_once_committed(file: FieldFile) -> None:
    """Of a record that is being deleted; Django leaves files by itself."""
    if name := file.name:
        transaction.on_commit(lambda: file.storage.delete(name))
