"""What a fit can be asked for, checked field by field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from twin.errors import FitRefused

MOST_ROWS = 200_000


@dataclass(frozen=True)
class FitRequest:
    """Which rows, and what is known of the cell. Times are test_time in s; rows are counted from 0 within them."""

    preset: str = ""
    capacity_ah: float | None = None
    spans_all: bool = False
    start: float | None = None
    end: float | None = None
    first_row: int = 0
    end_row: int | None = None

    def as_map(self) -> dict[str, Any]:
        return asdict(self)


def fit_request(given: Mapping[str, Any]) -> FitRequest:
    """From a form, JSON or a command; raises FitRefused with each complaint at its field."""
    from energykit.presets import PRESETS  # noqa: PLC0415  (with its siblings, which need numpy)

    known = {name: given[name] for name in FitRequest.__dataclass_fields__ if given.get(name) is not None}
    asked = FitRequest(**known)
    complaints = {}
    if asked.preset and asked.preset not in PRESETS:
        complaints["preset"] = f"There is no preset {asked.preset!r}; known are {', '.join(sorted(PRESETS))}."
    if asked.capacity_ah is not None and not (math.isfinite(asked.capacity_ah) and asked.capacity_ah > 0):
        complaints["capacity_ah"] = "A capacity is above 0 Ah; leave it empty to have it found."
    if asked.start is not None and asked.end is not None and asked.start >= asked.end:
        complaints["end"] = f"The rows end at {asked.end:g} s, before they start at {asked.start:g} s."
    if asked.first_row < 0:
        complaints["first_row"] = "Rows are counted from 0."
    if asked.end_row is not None and asked.end_row <= asked.first_row:
        complaints["end_row"] = f"It must be greater than the first row, {asked.first_row}."
    if complaints:
        raise FitRefused(
            "The fit cannot be made as asked. " + " ".join(complaints.values()),
            fields={name: [complaint] for name, complaint in complaints.items()},
        )
    return asked
