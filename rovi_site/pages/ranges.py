"""The time range of a battery's charts, as its address tells it.

`from` and `to` are seconds of test time, or reckoned from the newest row: `end-6h`. Where the rows tell the clock as
well, they may be moments, such as 2026-11-20T18:00Z or 2026-11-20, and `now-6h`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import QueryDict
from django.utils import timezone

UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365.25 * 86400.0}
PRESETS = (
    ("15 min", "end-15min"),
    ("6 h", "end-6h"),
    ("24 h", "end-24h"),
    ("7 d", "end-7d"),
    ("30 d", "end-30d"),
    ("All", ""),
)
RELATIVE = re.compile(r"^(end|now)-(\d+(?:\.\d+)?)(s|min|m|h|d|y)$")
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(T|$)")


@dataclass(frozen=True)
class TimeRange:
    """Seconds of test time, half open. `follows` is true where its end is the newest row, whenever that comes."""

    start: float
    end: float
    follows: bool
    words: str
    complaint: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.start


def range_of(query: QueryDict, first: float, last: float, offset: float | None = None) -> TimeRange:
    """What the address asks for, within a record that runs from `first` to `last`; what cannot be read means all.

    `offset` is Unix time less test time, s, where it is known.
    """
    asked_from, asked_to = query.get("from", "").strip(), query.get("to", "").strip()
    whole = TimeRange(first, last, True, "All")
    try:
        end = last if asked_to in ("", "end") else moment_of(asked_to, last, offset)
        start = first if asked_from in ("", "start") else moment_of(asked_from, last, offset)
    except ValueError as unreadable:
        return TimeRange(first, last, True, "All", f"{unreadable} All is shown.")
    if asked_from in ("", "start") and asked_to in ("", "end"):
        return whole
    if not start < end:
        return TimeRange(first, last, True, "All", "The range ends before it begins; all is shown.")
    follows = asked_to in ("", "end")
    words = next((words for words, value in PRESETS if value and value == asked_from and follows), "")
    return TimeRange(max(start, first) if follows else start, end, follows, words)


def moment_of(text: str, last: float, offset: float | None = None) -> float:
    """Test time, s, of a word of an address; raises ValueError with a sentence.

    >>> moment_of("end-6h", 100_000.0), moment_of("3600", 100_000.0), moment_of("1970-01-02T00:00Z", 9.0, 80_000.0)
    (78400.0, 3600.0, 6400.0)
    """
    relative = RELATIVE.match(text)
    try:
        if text == "end":
            moment = last
        elif relative and relative[1] == "now":
            moment = timezone.now().timestamp() - _known(offset) - float(relative[2]) * UNITS[relative[3]]
        elif relative:
            moment = last - float(relative[2]) * UNITS[relative[3]]
        elif DATE.match(text):
            at = datetime.fromisoformat(text)
            moment = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - _known(offset)
        else:
            moment = float(text)
    except ValueError:
        moment = math.nan
    if not math.isfinite(moment):
        clock = "" if offset is None else ", a moment such as 2026-11-20T18:00Z, or now-6h"
        raise ValueError(f"{text[:50]!r} is no time: write seconds of test time, or end-6h, end-30min, end-7d{clock}.")
    return moment


def _known(offset: float | None) -> float:
    if offset is None:
        raise ValueError("These rows do not tell the clock.")
    return offset
