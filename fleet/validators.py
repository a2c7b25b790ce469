"""What a request of readings says, checked to the last row before anything is stored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from energykit.quarters import (
    MICROSECONDS,
    QUARTER,
    BadDuration,
    BadInstant,
    Reading,
    read_duration,
    read_instant,
    typical_step,
)
from fleet.errors import ReadingsRefused
from fleet.models import GREATEST_NUMBER

REQUIRED = "This field is required."
UNITS = {"kw": False, "kwh": True}
MOST_ROWS = 10_000
MOST_QUARTERS = 1_000_000  # that a request may describe by a declared interval
MOST_COMPLAINTS = 100
GREATEST_VALUE = 1e290  # so that no sum of what can be stored is infinite

DUPLICATE, NO_USABLE_VALUES = "duplicate_timestamp", "no_usable_values"
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class PostedReadings:
    """Readings of one asset in order of time; `skipped` and `warnings` name rows by their place in the request."""

    number: int
    readings: list[Reading]
    skipped: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        return len(self.readings) - len(self.skipped)


def checked_post(body: object) -> PostedReadings:
    """Raises ReadingsRefused, which names every field and the first rows that are wrong."""
    if not isinstance(body, Mapping):
        raise ReadingsRefused({"non_field_errors": ["The body is no JSON object with spaceship_id, units and data."]})
    wrong: dict[str, Any] = {name: [REQUIRED] for name in ("spaceship_id", "units", "data") if name not in body}
    number = 0
    is_energy = False
    interval = None
    if "spaceship_id" in body:
        try:
            number = whole_number(body["spaceship_id"])
        except ValueError as told:
            wrong["spaceship_id"] = [str(told)]
    if "units" in body:
        units = body["units"]
        if isinstance(units, str) and units.strip().lower() in UNITS:
            is_energy = UNITS[units.strip().lower()]
        else:
            wrong["units"] = ["It is neither kW nor kWh."]
    if body.get("interval") is not None:
        try:
            interval = read_duration(body["interval"])
        except BadDuration as told:
            wrong["interval"] = [str(told)]
    code = ""
    rows: list[tuple[int, float | None]] = []
    posted = PostedReadings(number, [])
    if "data" in body:
        code = _read_rows(body["data"], rows, posted, wrong)
    if interval is not None and len(rows) * (interval // QUARTER + 1) > MOST_QUARTERS:
        wrong["interval"] = [f"With so many rows it describes more than {MOST_QUARTERS:,} quarters; send fewer."]
    if wrong:
        raise ReadingsRefused(wrong, code if set(wrong) == {"data"} else "")
    rows.sort()
    step = typical_step([time for time, _ in rows], settings.ENERGY_MAX_GAP_SECONDS * MICROSECONDS)
    posted.readings.extend(Reading(time, value, is_energy, interval, step) for time, value in rows)
    return posted


def whole_number(given: object) -> int:
    """Of an asset; raises ValueError with a sentence."""
    if isinstance(given, str) and re.fullmatch(r"\s*\+?\d{1,30}\s*", given, re.ASCII):
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValueError("It is no whole number.")
    if not 0 <= given <= GREATEST_NUMBER:
        raise ValueError(f"It is not between 0 and {GREATEST_NUMBER}.")
    return given


def _read_rows(
    data: object, rows: list[tuple[int, float | None]], posted: PostedReadings, wrong: dict[str, Any]
) -> str:
    """Fills `rows`, and `wrong["data"]` where some cannot be taken; returns the code of the refusal, if it has one."""
    if not isinstance(data, Sequence) or isinstance(data, str | bytes) or not data:
        wrong["data"] = ["It is no list of rows, each with datetime and value."]
        return ""
    if len(data) > MOST_ROWS:
        wrong["data"] = [f"It has {len(data):,} rows; {MOST_ROWS:,} are the most. Send it in parts."]
        return ""
    complaints: list[dict[str, Any]] = []
    seen: dict[int, int] = {}
    for index, row in enumerate(data):
        try:
            time, warnings = _time_of(row)
            value, reason = value_of(row["value"]) if "value" in row else (None, "missing")
        except BadRow as bad:
            complaints.append({"index": index, "code": bad.code, "message": str(bad)})
            continue
        if time in seen:
            told = f"It is the same instant as that of row {seen[time]}."
            complaints.append({"index": index, "code": DUPLICATE, "message": told})
            continue
        seen[time] = index
        posted.warnings.extend({"index": index, "code": warning} for warning in warnings)
        if reason:
            posted.skipped.append({"index": index, "reason": reason})
        rows.append((time, value))
    if complaints:
        wrong["data"] = complaints[:MOST_COMPLAINTS]
        codes = {complaint["code"] for complaint in complaints}
        return codes.pop() if len(codes) == 1 else ""
    if len(posted.skipped) == len(rows):
        wrong["data"] = [{"code": NO_USABLE_VALUES, "message": "No row has a number as its value."}]
        return NO_USABLE_VALUES
    return ""


class BadRow(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _time_of(row: object) -> tuple[int, tuple[str, ...]]:
    if not isinstance(row, Mapping):
        raise BadRow("not_a_row", "It is no object with datetime and value.")
    if row.get("datetime") is None:
        raise BadRow("required", f"datetime: {REQUIRED}")
    try:
        read = read_instant(row["datetime"])
    except BadInstant as told:
        raise BadRow("bad_datetime", f"datetime: {told}") from None
    return read.microseconds, read.warnings


def value_of(given: object) -> tuple[float | None, str]:
    """The number, or None and why there is none: the row marks a gap then. Raises BadRow for what no ledger holds."""
    if given is None:
        return None, "null"
    if isinstance(given, bool):
        return None, "boolean"
    if isinstance(given, str):
        written = given.strip()
        if len(written) > 1000 or not _DECIMAL.fullmatch(written):
            return None, "not_a_number"
        given = float(written)
    if not isinstance(given, int | float):
        return None, "not_a_number"
    if isinstance(given, float) and not math.isfinite(given):
        return None, "not_finite"
    if given < 0:
        raise BadRow("negative_value", "value: It is below zero.")
    if given > GREATEST_VALUE:
        raise BadRow("value_too_large", f"value: It is above {GREATEST_VALUE:g}.")
    return float(given), ""
