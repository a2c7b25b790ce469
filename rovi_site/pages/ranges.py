"""The time range of a battery's charts, as its address tells it.

`from` and `to` are seconds of test time, or reckoned from the newest row: `end-6h`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from django.http import QueryDict

UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365.25 * 86400.0}
PRESETS = (
    ("15 min", "end-15min"),
    ("6 h", "end-6h"),
    ("24 h", "end-24h"),
    ("7 d", "end-7d"),
    ("30 d", "end-30d"),
    ("All", ""),
)
FROM_END = re.compile(r"^end-(\d+(?:\.\d+)?)(s|min|m|h|d|y)$")


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


def range_of(query: QueryDict, first: float, last: float) -> TimeRange:
    """What the address asks for, within a record that runs from `first` to `last`; what cannot be read means all."""
    asked_from, asked_to = query.get("from", "").strip(), query.get("to", "").strip()
    whole = TimeRange(first, last, True, "All")
    try:
        end = last if asked_to in ("", "end") else _moment(asked_to, last)
        start = first if asked_from in ("", "start") else _moment(asked_from, last)
    except ValueError as unreadable:
        return TimeRange(first, last, True, "All", str(unreadable))
    if asked_from in ("", "start") and asked_to in ("", "end"):
        return whole
    if not start < end:
        return TimeRange(first, last, True, "All", "The range ends before it begins; all is shown.")
    follows = asked_to in ("", "end")
    words = next((words for words, value in PRESETS if value and value == asked_from and follows), "")
    return TimeRange(max(start, first) if follows else start, end, follows, words)


def _moment(text: str, last: float) -> float:
    """
    >>> _moment("end-6h", 100_000.0), _moment("3600", 100_000.0)
    (78400.0, 3600.0)
    """
    from_end = FROM_END.match(text)
    try:
        moment = last - float(from_end[1]) * UNITS[from_end[2]] if from_end else float(text)
    except ValueError:
        moment = math.nan
    if not math.isfinite(moment):
        raise ValueError(
            f"{text[:50]!r} is no time: write seconds of test time, or end-6h, end-30min, end-7d. All is shown."
        )
    return moment
