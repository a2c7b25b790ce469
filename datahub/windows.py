"""Which rows of a battery are asked for: a stretch of time, columns, a cursor, a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from access.errors import Refused

MOST_ROWS = 100_000


class WindowRefused(Refused):
    code = "window_refused"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be used: it takes {why}.", fields={name: [f"It takes {why}."]})


@dataclass(frozen=True)
class Window:
    """`start <= test_time < end` in s, rows that came after row id `after`, at most `limit` (None: all)."""

    start: float | None = None
    end: float | None = None
    after: int = 0
    limit: int | None = None
    columns: tuple[str, ...] | None = None

    @property
    def span(self) -> dict[str, Any]:
        """As datahub.queries takes it."""
        return {"columns": self.columns, "start": self.start, "end": self.end}


def window_of(params: Mapping[str, str], default_limit: int | None = None) -> Window:
    """Reads `start`, `end`, `after`, `limit` and `columns` (separated by commas); raises WindowRefused."""
    columns = tuple(name.strip() for name in params.get("columns", "").split(",") if name.strip())
    return Window(
        start=_seconds(params, "start"),
        end=_seconds(params, "end"),
        after=whole(params, "after", 0, 2**63 - 1) or 0,
        limit=whole(params, "limit", 1, MOST_ROWS) or default_limit,
        columns=columns or None,
    )


def whole(params: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """A whole number among the parameters; None where it is not there."""
    text = params.get(name, "")
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise WindowRefused(name, f"a whole number from {least} to {most}")
    return number


def flag(params: Mapping[str, str], name: str) -> bool:
    """True or false among the parameters; false where it is not there."""
    text = params.get(name, "").lower()
    if text not in ("", "true", "1", "false", "0"):
        raise WindowRefused(name, "true or false")
    return text in ("true", "1")


def _seconds(params: Mapping[str, str], name: str) -> float | None:
    text = params.get(name, "")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise WindowRefused(name, "a number of seconds of test_time")
    return seconds
