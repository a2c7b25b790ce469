"""Form fields made from the JSON schema of BatteryMetadata: one for each plain value, JSON for what is nested."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms

PREFIX = "metadata__"
OPENED = ("battery", "test_protocol")  # maps whose values get fields of their own
LEFT_OUT = ("name", "version")  # the name is the battery's own; the toolkit writes its version
UNITS = {"A-hr": "Ah", "C": "°C"}


@dataclass(frozen=True)
class MetadataField:
    """`path` leads to the value in the document."""

    path: tuple[str, ...]
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        return PREFIX + "__".join(self.path)

    @property
    def kind(self) -> str:
        """string, number, integer, boolean, or json for what is nested."""
        kinds = [self.schema, *self.schema.get("anyOf", ())]
        plain = [each["type"] for each in kinds if each.get("type") in ("string", "number", "integer", "boolean")]
        return plain[0] if plain else "json"

    def form_field(self) -> forms.Field:
        units = self.schema.get("units")
        title = str(self.schema.get("title") or self.path[-1].replace("_", " ").capitalize())
        common: dict[str, Any] = {
            "required": False,
            "label": f"{title}, {UNITS.get(units, units)}" if units else title,
            "help_text": self.schema.get("description", ""),
        }
        if self.kind == "boolean":
            return forms.NullBooleanField(**common)
        if self.kind == "integer":
            return forms.IntegerField(**common)
        if self.kind == "number":
            return forms.FloatField(**common)
        if self.kind == "string":
            is_long = self.path[-1] == "comments"
            widget = forms.Textarea(attrs={"rows": 3, "cols": 80}) if is_long else forms.TextInput(attrs={"size": 60})
            return forms.CharField(widget=widget, **common)
        return JsonField(widget=forms.Textarea(attrs={"rows": 3, "cols": 80, "class": "vLargeTextField"}), **common)


class JsonField(forms.JSONField):
    """Shown over several lines; empty means no value."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, forms.fields.InvalidJSONInput):
            return value
        return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def fields_of(schema: dict[str, Any]) -> Iterator[MetadataField]:
    """In the order of the schema, which is the toolkit's own."""
    for name, described in schema["properties"].items():
        if name in LEFT_OUT:
            continue
        if name in OPENED:
            for inner, inner_schema in _definition(schema, described)["properties"].items():
                yield MetadataField((name, inner), inner_schema)
        else:
            yield MetadataField((name,), described)


def value_at(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document


def with_value(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The document with another value there; none at all where it is empty."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in path[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    if value in (None, "", [], {}):
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    for step in path[:-1]:
        if changed.get(step) == {}:
            del changed[step]
    return changed


def _definition(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    reference = next(each["$ref"] for each in [described, *described.get("anyOf", ())] if "$ref" in each)
    found: dict[str, Any] = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return found
