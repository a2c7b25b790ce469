"""Which bars the charts of energy draw of a window: quarters, days or months, and their sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from energykit.quarters import MICROSECONDS, QUARTER_SECONDS, day_after, day_begin
from fleet.models import Asset
from fleet.queries import FleetSum, by_day, fleet_energy, sums_of_asset
from fleet.tables import month_after, month_of
from rovi_site.pages.energy_range import DAY, Window

BARS_OF_QUARTERS = 8 * 96
BARS_OF_DAYS = 400
MOST_QUARTERS = 1_000_000  # of all assets, that a page sums up


@dataclass(frozen=True)
class Bars:
    """Quarters, days or months that begin in `start <= … < end`, s; days are those of `zone`."""

    resolution: str
    start: int
    end: int
    zone: tzinfo

    def past(self, start: int) -> int:
        """Where a bar ends, s."""
        if self.resolution == "quarter":
            return start + QUARTER_SECONDS
        return day_after(start, self.zone) if self.resolution == "day" else month_after(start + DAY)

    @property
    def is_summed_anew(self) -> bool:
        """Sums by day are kept for those of UTC; of other days they are made from the quarters."""
        return self.resolution == "day" and self.zone is not UTC


def bars_of(window: Window, assets: int, most_quarters: int = BARS_OF_QUARTERS) -> Bars:
    """Bars that are few enough to be drawn, whole days and months: sums of a part of one are not kept.

    Of more assets than a page sums up, these are days of UTC; months always are.
    """
    few = are_few(window, assets)
    if window.quarters <= most_quarters and few:
        return Bars("quarter", window.start, window.end, window.zone)
    if window.quarters <= BARS_OF_DAYS * 96:
        zone = window.zone if few else UTC
        return Bars("day", day_begin(window.start, zone), window.end, zone)
    return Bars("month", month_of(window.start), window.end, UTC)


def are_few(window: Window, assets: int) -> bool:
    return window.quarters * max(assets, 1) <= MOST_QUARTERS


def sums_of_fleet(bars: Bars) -> list[FleetSum]:
    if bars.is_summed_anew:
        past = day_after(bars.end - 1, bars.zone)
        return by_day(fleet_energy(bars.start * MICROSECONDS, past * MICROSECONDS), bars.zone)
    return fleet_energy(bars.start * MICROSECONDS, bars.end * MICROSECONDS, bars.resolution)


def sums_of_one(asset: Asset, bars: Bars) -> list[FleetSum]:
    if bars.is_summed_anew:
        past = day_after(bars.end - 1, bars.zone)
        return by_day(sums_of_asset(asset, bars.start, past, "quarter"), bars.zone)
    return sums_of_asset(asset, bars.start, bars.end, bars.resolution)
