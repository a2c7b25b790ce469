"""The window of the energy pages as their address tells it: ISO 8601, or back from the newest reading: `end-7d`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import QueryDict

from energykit.quarters import MICROSECONDS, QUARTER_SECONDS, BadInstant, labelled, read_instant

DAY = 86_400
UNITS = {"h": 3600, "d": DAY, "y": 365 * DAY}
PRESETS = (("24 h", "end-24h"), ("7 d", "end-7d"), ("30 d", "end-30d"), ("1 y", "end-1y"), ("All", "start"))
USUAL = "end-7d"
FROM_END = re.compile(r"end-(\d{1,5})(h|d|y)")


@dataclass(frozen=True)
class Window:
    """Quarters that begin in `start <= … < end`, s."""

    start: int
    end: int
    words: str
    complaint: str = ""

    @property
    def quarters(self) -> int:
        return max(0, (self.end - self.start) // QUARTER_SECONDS)

    @property
    def start_text(self) -> str:
        return labelled(self.start)[:16]

    @property
    def end_text(self) -> str:
        return labelled(self.end)[:16]


def window_of(query: QueryDict, begin: int, past: int, end_means: int | None = None) -> Window:
    """What the address asks for; `begin` and `past` are where what is known begins and ends, s.

    `end_means`: from where `end-7d` looks back, if that is not `past`. All is all.
    """
    asked_from, asked_to = query.get("from", "").strip() or USUAL, query.get("to", "").strip()
    newest = past if end_means is None or asked_from == "start" else end_means
    try:
        end = newest if asked_to in ("", "end") else _moment(asked_to, newest)
        start = begin if asked_from == "start" else _moment(asked_from, newest)
    except BadInstant as told:
        return Window(max(begin, newest - 7 * DAY), newest, "7 d", f"{told} The last week is shown.")
    if start >= end:
        complaint = "The range ends before it begins; the last week is shown."
        return Window(max(begin, newest - 7 * DAY), newest, "7 d", complaint)
    words = next((words for words, value in PRESETS if value == asked_from and end == newest), "")
    return Window(max(start, begin) if words else start, end, words)


def _moment(text: str, end: int) -> int:
    """Beginning of the quarter, s. Raises BadInstant.

    >>> _moment("end-24h", 86_400 * 3), _moment("1970-01-02T00:07", 0)
    (172800, 86400)
    """
    from_end = FROM_END.fullmatch(text)
    if from_end:
        return end - int(from_end[1]) * UNITS[from_end[2]]
    return read_instant(text, in_query=True).microseconds // MICROSECONDS // QUARTER_SECONDS * QUARTER_SECONDS
