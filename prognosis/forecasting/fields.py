"""Reads numbers, texts and columns from what a request describes; every complaint goes to the path of its field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Complaints = dict[str, list[str]]


class Fields:
    """The fields of one map. `path` stands before their names in complaints: `phases[1].` for the second phase."""

    def __init__(self, values: Mapping[str, Any], complaints: Complaints, path: str = "") -> None:
        self.values = values
        self.complaints = complaints
        self.path = path

    def complain(self, name: str, sentence: str) -> None:
        self.complaints.setdefault(f"{self.path}{name}", []).append(sentence)

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def number(self, name: str) -> float | None:
        """A finite number, or None where there is none, or where it was no number and stands among the complaints."""
        return self._finite(name, self.values[name]) if self.has(name) else None

    def positive(self, name: str, unit: str = " s") -> float | None:
        value = self.number(name)
        if value is not None and value <= 0:
            self.complaints[f"{self.path}{name}"] = [f"{value:g} is not above 0{unit}."]
        return value

    def inner(self, name: str, example: str) -> Fields | None:
        """The map under that name, its complaints under `name.`; None where there is none or it is no map."""
        if not self.has(name):
            return None
        given = self.values[name]
        if not isinstance(given, Mapping):
            self.complain(name, f"Give a map, such as {example}")
            return None
        return Fields(given, self.complaints, f"{self.path}{name}.")

    def refuse_others(self, known: tuple[str, ...]) -> None:
        """A field with a slip in its name would else count for nothing."""
        for name in self.values:
            if name not in known:
                self.complain(str(name)[:40], f"There is no such field; there are {', '.join(known)}.")

    def _finite(self, name: str, given: Any) -> float | None:
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if isinstance(given, bool) or not math.isfinite(value):
            self.complaints[f"{self.path}{name}"] = [f"{str(given)[:40]!r} is no finite number."]
            return None
        return value
