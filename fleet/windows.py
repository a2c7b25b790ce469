"""What a query asks for, each parameter checked; all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from energykit.quarters import QUARTER, BadInstant, BadZone, read_instant, zone_named
from fleet.errors import ReadingsRefused
from fleet.queries import DROP, KEEP, NONE, NULL, SCALE, ZERO
from fleet.validators import REQUIRED, whole_number

LONGEST_HORIZON = 31 * 96 * QUARTER
MOST_FILLED = 100_000
DEFAULT_COUNT = 3


@dataclass
class Asked:
    """Reads parameters one by one and keeps what is wrong with them."""

    query: Mapping[str, Any]
    wrong: dict[str, Any] = field(default_factory=dict)
    zone: tzinfo = UTC

    def number(self, name: str = "spaceship_id") -> int:
        given = self._given(name, required=True)
        if given is None:
            return 0
        try:
            return whole_number(given)
        except ValueError as told:
            self.wrong[name] = [str(told)]
            return 0

    def instant(self, name: str, *, required: bool) -> int | None:
        """µs."""
        given = self._given(name, required=required)
        if given is None:
            return None
        try:
            return read_instant(given, in_query=True, zone=self.zone).microseconds
        except BadInstant as told:
            self.wrong[name] = [str(told)]
            return None

    def read_zone(self) -> tzinfo:
        """Of the times that name none; UTC when left out."""
        given = self._given("zone")
        if given is not None:
            try:
                self.zone = zone_named(given)
            except BadZone as told:
                self.wrong["zone"] = [str(told)]
        return self.zone

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        given = self._given(name)
        if given is not None and given not in choices:
            self.wrong[name] = [f"It is none of {', '.join(choices)}."]
        return given or default

    def count(self, name: str, default: int) -> int:
        given = self._given(name)
        if given is None:
            return default
        try:
            count = whole_number(given)
        except ValueError as told:
            self.wrong[name] = [str(told)]
            return default
        if count < 1:
            self.wrong[name] = ["It is less than 1."]
        return count

    def switch(self, name: str) -> bool:
        return (self._given(name) or "").lower() in ("1", "true", "yes")

    def text(self, name: str, default: str) -> str:
        return self._given(name) or default

    def window(self, *, required: bool = True) -> tuple[int | None, int | None]:
        start, end = self.instant("start", required=required), self.instant("end", required=required)
        if start is not None and end is not None and start > end:
            self.wrong["start"] = ["It lies after the end."]
        return start, end

    def refuse_if_wrong(self) -> None:
        if self.wrong:
            raise ReadingsRefused(self.wrong)

    def _given(self, name: str, *, required: bool = False) -> str | None:
        given: str | None = self.query.get(name)
        if given is None and required:
            self.wrong[name] = [REQUIRED]
        return given


@dataclass(frozen=True)
class QuartersAsked:
    number: int
    start: int  # µs
    end: int
    partial: str
    fill: str
    detail: bool
    zone: tzinfo


def quarters_asked(query: Mapping[str, Any]) -> QuartersAsked:
    """Raises ReadingsRefused."""
    asked = Asked(query)
    number = asked.number()
    zone = asked.read_zone()
    start, end = asked.window()
    partial = asked.choice("partial", (KEEP, SCALE, DROP), KEEP)
    fill = asked.choice("fill", (NONE, ZERO, NULL), NONE)
    if start is not None and end is not None and fill != NONE and end - start > MOST_FILLED * QUARTER:
        asked.wrong["fill"] = [f"The window has more than {MOST_FILLED:,} quarters; ask for less, or leave this out."]
    asked.refuse_if_wrong()
    return QuartersAsked(number, start or 0, end or 0, partial, fill, asked.switch("detail"), zone)


@dataclass(frozen=True)
class ForecastAsked:
    number: int
    start: int  # µs
    end: int
    model: str


def forecast_asked(query: Mapping[str, Any], default_model: str) -> ForecastAsked:
    """Raises ReadingsRefused."""
    asked = Asked(query)
    number = asked.number()
    start, end = asked.window()
    if start is not None and end is not None and "start" not in asked.wrong:
        if start == end:
            asked.wrong["end"] = ["It is not after the start."]
        elif end - start > LONGEST_HORIZON:
            asked.wrong["end"] = ["It is more than 31 days after the start."]
    asked.refuse_if_wrong()
    return ForecastAsked(number, start or 0, end or 0, asked.text("model", default_model))


@dataclass(frozen=True)
class TopAsked:
    count: int
    start: int | None  # µs
    end: int | None
    kind: str | None


def top_asked(query: Mapping[str, Any], kinds: Sequence[str] = ()) -> TopAsked:
    """Raises ReadingsRefused."""
    asked = Asked(query)
    count = asked.count("count", DEFAULT_COUNT)
    start, end = asked.window(required=False)
    kind = asked.choice("kind", kinds, "") if kinds else ""
    asked.refuse_if_wrong()
    return TopAsked(count, start, end, kind or None)


@dataclass(frozen=True)
class FleetAsked:
    start: int  # µs
    end: int
    resolution: str


def fleet_asked(query: Mapping[str, Any], resolutions: Sequence[str]) -> FleetAsked:
    """Raises ReadingsRefused."""
    asked = Asked(query)
    start, end = asked.window()
    resolution = asked.choice("resolution", resolutions, resolutions[0])
    asked.refuse_if_wrong()
    return FleetAsked(start or 0, end or 0, resolution)
