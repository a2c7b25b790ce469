"""Entries of the audit trail as people read them: fields under their names, values in words."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from access.models import AuditEntry

NOTHING = "nothing"


def changes_in_words(entry: AuditEntry, most: int | None = None) -> list[tuple[str, str, str]]:
    """(field, old value, new value); values of more than `most` characters are cut."""
    told = []
    for name, (old, new) in entry.changes.items():
        field = _field(entry.kind, name)
        title = str(field.verbose_name) if field is not None else name.replace("_", " ")
        told.append((title, _cut(_in_words(field, old), most), _cut(_in_words(field, new), most)))
    return told


def _field(kind: str, name: str) -> Any:
    """None of a record, or a field, that is there no more, and of what is no field: a person's role."""
    try:
        return apps.get_model(kind)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None


def _in_words(field: Any, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, models.DateTimeField):
        return _moment(str(value))
    if isinstance(field, models.JSONField):
        return _of_json(str(value))
    choices = dict(getattr(field, "flatchoices", None) or ())
    return str(choices.get(value, value))


def _moment(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def _of_json(text: str) -> str:
    """Entries keep it as Python writes it; one that was cut off there stays as it is.

    >>> _of_json("['site 3', 'α']"), _of_json("{'preset': 'nmc', 'cells': [1, None]}"), _of_json("[]"), _of_json("['a")
    ('site 3, α', 'preset: nmc, cells: 1, nothing', 'nothing', "['a")
    """
    try:
        return _plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(each)}" for name, each in value.items()) or NOTHING
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NOTHING if value is None or value == "" else str(value)


def _cut(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else text[: most - 1] + "…"
