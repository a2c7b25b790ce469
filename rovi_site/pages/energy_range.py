"""The window of the energy pages as their address tells it: ISO 8601, or back from the newest reading: `end-7d`.

`tz` is UTC, or a time zone such as Europe/Berlin: of times that name none, of days, and of all that is shown. With
`tz=local` the page's script fills in that of the browser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo

from django.http import QueryDict
from django.utils.http import urlencode

from energykit.quarters import (
    MICROSECONDS,
    QUARTER_SECONDS,
    BadInstant,
    BadZone,
    labelled,
    read_instant,
    zone_named,
)

DAY = 86_400
UNITS = {"h": 3600, "d": DAY, "y": 365 * DAY}
PRESETS = (("24 h", "end-24h"), ("7 d", "end-7d"), ("30 d", "end-30d"), ("1 y", "end-1y"), ("All", "start"))
USUAL = "end-7d"
FROM_END = re.compile(r"end-(\d{1,5})(h|d|y)")
LOCAL = "local"
KEPT = ("from", "to", "tz", "by")  # of the address, in those that a page leads to


@dataclass(frozen=True)
class Window:
    """Quarters that begin in `start <= … < end`, s."""

    start: int
    end: int
    words: str
    complaint: str = ""
    zone: tzinfo = UTC

    @property
    def quarters(self) -> int:
        return max(0, (self.end - self.start) // QUARTER_SECONDS)

    @property
    def start_text(self) -> str:
        return labelled(self.start, self.zone)[:16]

    @property
    def end_text(self) -> str:
        return labelled(self.end, self.zone)[:16]

    @property
    def zone_name(self) -> str:
        return str(self.zone)


def window_of(query: QueryDict, begin: int, past: int, end_means: int | None = None) -> Window:
    """What the address asks for; `begin` and `past` are where what is known begins and ends, s.

    `end_means`: from where `end-7d` looks back, if that is not `past`. All is all.
    """
    zone, complaint = zone_of(query)
    asked_from, asked_to = query.get("from", "").strip() or USUAL, query.get("to", "").strip()
    newest = past if end_means is None or asked_from == "start" else end_means
    week = max(begin, newest - 7 * DAY)
    try:
        end = newest if asked_to in ("", "end") else _moment(asked_to, newest, zone)
        start = begin if asked_from == "start" else _moment(asked_from, newest, zone)
    except BadInstant as told:
        return Window(week, newest, "7 d", f"{told} The last week is shown.", zone)
    if start >= end:
        return Window(week, newest, "7 d", "The range ends before it begins; the last week is shown.", zone)
    words = next((words for words, value in PRESETS if value == asked_from and end == newest), "")
    return Window(max(start, begin) if words else start, end, words, complaint, zone)


def kept_query(query: QueryDict) -> str:
    return urlencode(kept(query))


def kept(query: QueryDict) -> list[tuple[str, str]]:
    return [(name, str(query[name])) for name in KEPT if name in query]


def shortly(seconds: int, zone: tzinfo) -> str:
    """To the minute, with the offset of what is not UTC.

    >>> shortly(900, UTC), shortly(900, zone_named("Europe/Berlin"))
    ('1970-01-01 00:15', '1970-01-01 01:15 +01:00')
    """
    text = labelled(seconds, zone)
    return f"{text[:10]} {text[11:16]} {text[19:]}".removesuffix(" Z")


def zone_of(query: QueryDict) -> tuple[tzinfo, str]:
    """And what is wrong with the one that the address names."""
    asked = query.get("tz", "").strip()
    if asked in ("", LOCAL):
        return UTC, ""
    try:
        return zone_named(asked), ""
    except BadZone as told:
        return UTC, f"tz: {told} Times are UTC."


def _moment(text: str, end: int, zone: tzinfo = UTC) -> int:
    """Beginning of the quarter, s. Raises BadInstant.

    >>> _moment("end-24h", 86_400 * 3), _moment("1970-01-02T00:07", 0)
    (172800, 86400)
    """
    from_end = FROM_END.fullmatch(text)
    if from_end:
        return end - int(from_end[1]) * UNITS[from_end[2]]
    read = read_instant(text, in_query=True, zone=zone)
    return read.microseconds // MICROSECONDS // QUARTER_SECONDS * QUARTER_SECONDS
