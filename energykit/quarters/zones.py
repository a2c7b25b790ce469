"""Days of a place: where they begin, and how many quarters they have; 92 or 100 when summer time begins or ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from energykit.quarters.instants import EPOCH
from energykit.quarters.rules import QUARTER_SECONDS

DAY = 86_400
QUARTERS_AN_HOUR = 4


class BadZone(ValueError):
    """What was sent names no time zone; the sentence says so."""


def zone_named(name: str) -> tzinfo:
    """Of a name such as Europe/Berlin. Raises BadZone."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadZone("It is no time zone such as Europe/Berlin.") from None


def day_begin(seconds: int, zone: tzinfo = UTC) -> int:
    """Where the day of that place begins that holds a time, s.

    >>> day_begin(86_400 + 900), day_begin(1_774_746_000, zone_named("Europe/Berlin"))
    (86400, 1774738800)
    """
    if zone is UTC:
        return seconds - seconds % DAY
    local = _local(seconds, zone)
    return round(datetime(local.year, local.month, local.day, tzinfo=zone).timestamp())


def day_after(seconds: int, zone: tzinfo = UTC) -> int:
    """Where the day begins that follows on the one that holds a time, s."""
    begin = day_begin(seconds, zone)
    later = begin + DAY
    while (found := day_begin(later, zone)) <= begin:  # a day of 25 hours
        later += DAY // 4
    return found


@dataclass(frozen=True)
class DayTable:
    """Quarters by day and by time of day.

    `clocks` are the columns, as hours and minutes; where a day of the table tells an hour twice, its quarters have
    columns of their own. `starts`, s, holds None where a day has no such time.
    """

    days: list[str]
    clocks: list[str]
    starts: list[list[int | None]]


def day_table(first: int, past: int, zone: tzinfo = UTC) -> DayTable:
    """Of the whole days that hold the quarters from `first` to `past`, s."""
    days: dict[str, dict[tuple[int, int], int]] = {}
    for start in range(day_begin(first, zone), day_after(past - 1, zone), QUARTER_SECONDS):
        local = _local(start, zone)
        clock = local.hour * QUARTERS_AN_HOUR + local.minute // 15
        days.setdefault(f"{local:%Y-%m-%d}", {})[clock, local.fold] = start
    columns = _in_order({column for day in days.values() for column in day})
    clocks = [f"{clock // QUARTERS_AN_HOUR:02}:{clock % QUARTERS_AN_HOUR * 15:02}" for clock, _ in columns]
    return DayTable(list(days), clocks, [[day.get(column) for column in columns] for day in days.values()])


def _in_order(columns: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of (quarter of the day, 1 for the second time): what comes twice stands in one piece after the first time."""

    def place(column: tuple[int, int]) -> tuple[int, int, int]:
        clock, again = column
        last = clock
        while again and (last + 1, 1) in columns:
            last += 1
        return last, again, clock

    return sorted(columns, key=place)


def _local(seconds: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(seconds=seconds)).astimezone(zone)
