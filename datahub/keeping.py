"""How many rows of a battery are kept and how long: its own fields, or else the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from datahub.models import DROP, REFUSE, Battery

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Keeping:
    """None: no limit."""

    most_rows: int | None
    when_full: str
    days: float | None

    def received_before(self, now: float) -> float | None:
        """Rows received before this Unix time (s) are deleted."""
        return None if self.days is None else now - self.days * SECONDS_A_DAY


def keeping_of(battery: Battery) -> Keeping:
    """What holds for this battery. 0 among its own fields is no limit, whatever the settings say."""
    days = settings.ROWS_DAYS if battery.keep_days is None else battery.keep_days
    return Keeping(most_rows(battery) or None, battery.when_full or settings.ROWS_WHEN_FULL, days or None)


class Counted(Protocol):
    """A battery, or what the commit reads of one."""

    rows: int
    dropped_rows: int
    most_rows: int | None
    when_full: str


def most_rows(battery: Counted) -> int:
    """0: no limit."""
    return int(settings.ROWS_MOST) if battery.most_rows is None else battery.most_rows


def room_left(battery: Counted) -> int | None:
    """How many more rows may be stored; None: any number."""
    most = most_rows(battery)
    if not most or (battery.when_full or settings.ROWS_WHEN_FULL) != REFUSE:
        return None
    return max(0, most - battery.rows + battery.dropped_rows)


def in_words(battery: Battery) -> str:
    """`12,000 of 20,000 rows (60 %); then new ones are refused. Rows are deleted after 30 days.`"""
    keeping, kept = keeping_of(battery), battery.kept_rows
    told = []
    if keeping.most_rows is not None:
        then = "the oldest are deleted" if keeping.when_full == DROP else "new ones are refused"
        told.append(f"{kept:,} of {keeping.most_rows:,} rows ({100 * kept / keeping.most_rows:.0f} %); then {then}.")
    if keeping.days is not None:
        told.append(f"Rows are deleted {keeping.days:g} days after they were received.")
    return " ".join(told) or "Any number of rows, for ever."


def dropped_in_words(battery: Battery) -> str:
    """Empty where nothing was deleted."""
    if not battery.dropped_rows:
        return ""
    until = f", up to t = {battery.dropped_until:,.0f} s" if battery.dropped_until is not None else ""
    return f"{battery.dropped_rows:,}{until}. Nothing is computed anew from before there."
