"""Which column of a file becomes which one here, and what is done to its values: chosen by people, remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datahub.errors import MappingRefused
from datahub.models import ColumnMapping
from datahub.readers import FileOfRows
from datahub.validators import is_column_name


@dataclass(frozen=True)
class Conversion:
    """A number becomes `factor` times it, plus `offset`."""

    words: str
    factor: float = 1.0
    offset: float = 0.0


CONVERSIONS = {
    "": Conversion("as it is"),
    "reverse": Conversion("other sign (× −1)", -1.0),
    "milli": Conversion("milli (× 0.001)", 1e-3),
    "reverse_milli": Conversion("milli, other sign (× −0.001)", -1e-3),
    "kilo": Conversion("kilo (× 1,000)", 1e3),
    "minutes": Conversion("minutes to s (× 60)", 60.0),
    "hours": Conversion("hours to s (× 3,600)", 3600.0),
    "kelvin": Conversion("kelvin to °C (− 273.15)", 1.0, -273.15),
    "fahrenheit": Conversion("°F to °C", 5 / 9, -160 / 9),
    "percent": Conversion("percent (× 0.01)", 1e-2),
    "watt_hours": Conversion("Wh to J (× 3,600)", 3600.0),
}
Mapped = dict[str, dict[str, str]]  # label in the file to {"name": …, "conversion": …}; an empty name leaves it out


def checked(mapping: Any, labels: Iterable[str] | None = None) -> Mapped:
    """Raises MappingRefused, which names the column."""
    if not isinstance(mapping, Mapping):
        raise MappingRefused("columns", "Give a map of column to its name and conversion.")
    known = None if labels is None else set(labels)
    found: Mapped = {}
    names: dict[str, str] = {}
    for label, wish in mapping.items():
        if not isinstance(wish, Mapping):
            raise MappingRefused(label, f"Column {label!r} needs a map with name and conversion.")
        name, conversion = str(wish.get("name", "")).strip(), str(wish.get("conversion", "") or "")
        if known is not None and label not in known:
            raise MappingRefused(label, f"The file has no column {label!r}.")
        if name and not is_column_name(name):
            raise MappingRefused(label, f"{name!r} is no name of a column: letters, digits and underscores, up to 63.")
        if conversion not in CONVERSIONS:
            known_ones = ", ".join(key for key in CONVERSIONS if key)
            raise MappingRefused(label, f"There is no conversion {conversion!r}; there are {known_ones}.")
        if name and name.lower() in names:
            raise MappingRefused(label, f"{label!r} and {names[name.lower()]!r} cannot both become {name!r}.")
        names[name.lower()] = label
        found[label] = {"name": name, "conversion": conversion}
    return found


class MappedRows:
    """A file with its columns as somebody wants them; those that nobody speaks of stay as they are."""

    def __init__(self, rows: FileOfRows, mapping: Mapped) -> None:
        self._rows = rows
        self.format, self.rows, self.metadata = rows.format, rows.rows, rows.metadata
        self._wished = {rows.names[label]: wish for label, wish in mapping.items() if label in rows.names}
        self.names = {
            label: wish["name"]
            for label, name in rows.names.items()
            if (wish := self._wished.get(name, {"name": name}))["name"]
        }
        left_out = {label: "was left out as asked" for label in rows.names if label not in self.names}
        self.skipped = {**rows.skipped, **left_out}
        if len({name.lower() for name in self.names.values()}) < len(self.names):
            raise MappingRefused("columns", "Two columns would have the same name. Give one of them another name.")

    def chunks(self, rows: int = 0) -> Iterator[dict[str, list[Any]]]:
        for chunk in self._rows.chunks(rows) if rows else self._rows.chunks():
            found = {}
            for name, values in chunk.items():
                wish = self._wished.get(name)
                if wish is None:
                    found[name] = values
                elif wish["name"]:
                    found[wish["name"]] = _converted(values, CONVERSIONS[wish["conversion"]])
            yield found

    def close(self) -> None:
        self._rows.close()


def _converted(values: list[Any], conversion: Conversion) -> list[Any]:
    if conversion.factor == 1.0 and conversion.offset == 0.0:
        return values
    return [
        value * conversion.factor + conversion.offset if isinstance(value, int | float) and type(value) is not bool
        else value
        for value in values
    ]  # fmt: skip


def header_of(labels: Iterable[str]) -> str:
    """Stands for the columns of a file, in whichever order they are."""
    return hashlib.sha256(json.dumps(sorted(labels)).encode()).hexdigest()


def remembered(user: Any, labels: Iterable[str]) -> Mapped:
    """What this person chose for files with these columns; empty where nothing is known."""
    if user is None:
        return {}
    found = ColumnMapping.objects.filter(user=user, header=header_of(labels)).values_list("columns", flat=True).first()
    return found or {}


def remember(user: Any, labels: Iterable[str], mapping: Mapped) -> None:
    if user is not None:
        ColumnMapping.objects.update_or_create(user=user, header=header_of(labels), defaults={"columns": mapping})
