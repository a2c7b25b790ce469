"""What the charts of energy draw: bars by kind or asset, what is missing, outlying and expected, a heat map."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from energykit.quarters import (
    MICROSECONDS,
    QUARTER_SECONDS,
    day_after,
    day_begin,
    day_table,
    labelled,
)
from fleet.models import Asset, EnergyForecast
from fleet.queries import (
    FleetSum,
    first_readings,
    fleet_energy,
    newest_forecast,
    quarters_between,
    used_between,
)
from rovi_site.pages.energy_bars import MOST_QUARTERS, Bars, are_few, bars_of, sums_of_fleet, sums_of_one
from rovi_site.pages.energy_range import DAY, Window

if TYPE_CHECKING:
    import numpy as np

MOST_DAYS_OF_HEAT = 62
QUARTERS_BEFORE = 28 * 96
WHOLE = 0.98
COLOURS = {"ship": "series-1", "meter": "series-2", "battery": "series-3", "battery, charged": "series-4"}
STACKED = 4  # assets with a colour of their own; `series-1` to `series-4` are told apart by the colour-blind
OTHERS = "muted"
BEHIND = "edge"  # what a line is drawn over
LEAST_REST = 1e-9  # kWh; what sums in another order leave
DIGITS = 6


# --- charts ----------------------------------------------------------------------------------------------------------
def fleet_series(window: Window, assets: int, *, by_asset: bool = False) -> dict[str, Any]:
    """All assets together, by kind; or those that used most apart from all others."""
    bars = bars_of(window, assets)
    sums = sums_of_fleet(bars)
    lines = _top_lines(window, bars, sums) if by_asset else _lines(sums)
    answer = _chart(lines, bars) | {"coverage": _coverage(sums, bars, first_readings(window.start, window.end))}
    if are_few(window, assets) and window.quarters <= MOST_DAYS_OF_HEAT * 96:
        judged = _judged_from(window, assets)
        known = fleet_energy(judged * MICROSECONDS, window.end * MICROSECONDS)
        told = ((each.start, each.energy, each.covered) for each in known)
        answer |= _by_quarter(window, judged, told, first_readings(judged, window.end), bars)
    else:
        answer["left_out"] = "The day against the time of day is drawn for fewer assets, or a shorter range."
    return answer | {"forecast": _where_shown(newest_forecast(None), window, bars)}


def asset_series(asset: Asset, window: Window) -> dict[str, Any]:
    bars = bars_of(window, 1)
    sums = sums_of_one(asset, bars)
    answer = _chart(_lines(sums), bars) | {"coverage": _coverage(sums, bars, _first_of(asset))}
    if window.quarters <= MOST_DAYS_OF_HEAT * 96:
        judged = _judged_from(window, 1)
        found = quarters_between(asset, judged * MICROSECONDS, window.end * MICROSECONDS)
        told = ((each.start, each.energy or 0.0, each.covered) for each in found)
        answer |= _by_quarter(window, judged, told, _first_of(asset), bars)
    return answer | {"forecast": _where_shown(newest_forecast(asset), window, bars)}


def forecast_series(forecast: EnergyForecast, window: Window, assets: int) -> dict[str, Any]:
    """What was expected, and what was used before and since."""
    bars = bars_of(window, assets, most_quarters=window.quarters)
    sums = sums_of_fleet(bars) if forecast.asset is None else sums_of_one(forecast.asset, bars)
    lines = _lines(sums)
    for line in lines:
        if forecast.asset is not None and line["name"] == forecast.asset.kind:
            line |= {"name": "used", "colour": BEHIND}
    return _chart(lines, bars) | {
        "coverage": {"t": [], "share": []},
        "forecast": expected_of(forecast, bars),
    }


def _chart(lines: list[dict[str, Any]], bars: Bars) -> dict[str, Any]:
    return {
        "resolution": bars.resolution,
        "zone": str(bars.zone),
        "span": [labelled(bars.start), labelled(bars.end)],
        "lines": lines,
    }


def _lines(sums: Iterable[FleetSum]) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for each in sums:
        parts = [(each.kind, each.energy)]
        if each.charged:
            parts.append((f"{each.kind}, charged", -each.charged))
        for name, energy in parts:
            _add(lines, name, COLOURS.get(name, OTHERS), each.start, energy)
    return list(lines.values())


def _top_lines(window: Window, bars: Bars, sums: list[FleetSum]) -> list[dict[str, Any]]:
    most = used_between(window.start, window.end)[:STACKED]
    assets = Asset.objects.in_bulk([used.number for used in most], field_name="number")
    rest: dict[int, float] = {}
    for each in sums:
        rest[each.start] = rest.get(each.start, 0.0) + each.energy
    lines: dict[str, dict[str, Any]] = {}
    for place, used in enumerate(most, start=1):
        name = used.title if all(used.title != other.title for other in most if other is not used) else str(used.number)
        for each in sums_of_one(assets[used.number], bars):
            _add(lines, name, f"series-{place}", each.start, each.energy)
            rest[each.start] = rest.get(each.start, 0.0) - each.energy
    if max(rest.values(), default=0.0) > LEAST_REST:
        for start in sorted(rest):
            _add(lines, "all others", OTHERS, start, max(rest[start], 0.0))
    return list(lines.values())


def _add(lines: dict[str, dict[str, Any]], name: str, colour: str, start: int, energy: float) -> None:
    line = lines.setdefault(name, {"name": name, "colour": colour, "t": [], "y": []})
    line["t"].append(labelled(start))
    line["y"].append(_brief(energy))


def _brief(value: float, digits: int = DIGITS) -> float:
    """So many digits: a cell on a bench uses millionths of a kWh.

    >>> _brief(0.000001234567891), _brief(1234.56789)
    (1.23457e-06, 1234.57)
    """
    return float(f"{value:.{digits}g}")


# --- what is known ---------------------------------------------------------------------------------------------------
def _first_of(asset: Asset) -> list[float]:
    return [] if asset.first_time is None else [asset.first_time / MICROSECONDS]


def _coverage(sums: Iterable[FleetSum], bars: Bars, firsts: Sequence[float]) -> dict[str, Any]:
    """Share of the time that is known, by bar: of the assets that tell in the window, each from its first reading on.

    `firsts`: when those were, s.
    """
    covered: dict[int, int] = {}
    for each in sums:
        covered[each.start] = covered.get(each.start, 0) + each.covered
    spans = [(at, min(bars.past(at), max(bars.end, at + QUARTER_SECONDS))) for at in sorted(covered)]
    return {
        "t": [labelled(at) for at, _ in spans],
        "share": [
            round(min(1.0, covered[at] / MICROSECONDS / seconds), 4) if seconds else 0.0
            for (at, _), seconds in zip(spans, seconds_expected(firsts, spans), strict=True)
        ],
    }


def seconds_expected(firsts: Sequence[float], spans: Iterable[tuple[float, float]]) -> list[float]:
    """How much of each span (from, to; s) comes after a first reading (s), of all assets together, s.

    >>> seconds_expected([0.0, 950.0, 2000.0], [(0, 900), (900, 1800)])
    [900.0, 1750.0]
    """
    ordered = sorted(firsts)
    sums = [0.0, *accumulate(ordered)]
    found = []
    for start, past in spans:
        before, within = bisect_left(ordered, start), bisect_left(ordered, past)
        found.append(before * (past - start) + (within - before) * past - (sums[within] - sums[before]))
    return found


# --- quarters by day and time of day ---------------------------------------------------------------------------------
def _judged_from(window: Window, assets: int) -> int:
    """Where the quarters begin, s, that a window's are held against: four weeks before it, if those are few enough."""
    quarters = window.quarters + QUARTERS_BEFORE
    return window.start - (QUARTERS_BEFORE * QUARTER_SECONDS if quarters * max(assets, 1) <= MOST_QUARTERS else 0)


def _by_quarter(
    window: Window,
    judged_from: int,
    quarters: Iterable[tuple[int, float, int]],
    firsts: Sequence[float],
    bars: Bars,
) -> dict[str, Any]:
    """`quarters`: beginning (s), kWh and what is covered (µs) of those from `judged_from` on, in any order."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    from energykit.seasonal import outlying  # noqa: PLC0415

    before = judged_from // DAY * 96
    energy = np.full(-(-window.end // DAY) * 96 - before, np.nan)
    covered = np.zeros(len(energy))
    for start, used, known in quarters:
        place = start // QUARTER_SECONDS - before
        energy[place] = used if np.isnan(energy[place]) else energy[place] + used
        covered[place] += known
    # Less than usual because less is known of it is nothing strange.
    starts = [(before + place) * QUARTER_SECONDS for place in range(len(energy))]
    expected = np.array(seconds_expected(firsts, [(start, start + QUARTER_SECONDS) for start in starts]))
    share = covered / MICROSECONDS / np.maximum(expected, 1.0)
    is_whole = share >= WHOLE * np.median(share[share > 0]) if share.any() else share > 0
    is_strange = outlying(np.where(is_whole, energy, np.nan), before)
    shown = slice(window.start // QUARTER_SECONDS - before, window.end // QUARTER_SECONDS - before)
    strange = shown.start + np.flatnonzero(is_strange[shown] & ~np.isnan(energy[shown]))
    return {
        "outlying": {
            "t": [labelled(int(before + place) * QUARTER_SECONDS) for place in strange],
            "y": [_brief(float(energy[place])) for place in strange],
            "drawn": bars.resolution == "quarter",
        },
        "heat": _heat(
            window, {before + int(place): float(energy[place]) for place in np.flatnonzero(~np.isnan(energy))}
        ),
    }


def _heat(window: Window, energy: dict[int, float]) -> dict[str, Any]:
    """Days of the window's zone against the time of day; `energy` in kWh by quarter since 1970.

    A cell is null where nothing is known, and false where a day has no such time. `begins` tell when each day does.
    """
    table = day_table(window.start, window.end, window.zone)

    def cell(start: int | None) -> float | bool | None:
        if start is None:
            return False
        known = energy.get(start // QUARTER_SECONDS) if window.start <= start < window.end else None
        return None if known is None else _brief(known, 4)

    return {
        "days": table.days,
        "begins": [labelled(next(start for start in day if start is not None)) for day in table.starts],
        "clocks": table.clocks,
        "kwh": [[cell(start) for start in day] for day in table.starts],
    }


# --- what is expected ------------------------------------------------------------------------------------------------
def _where_shown(forecast: EnergyForecast | None, window: Window, bars: Bars) -> dict[str, Any] | None:
    """The newest forecast, where it begins in or right after the window."""
    if forecast is None or not window.start <= forecast.start <= window.end:
        return None
    return expected_of(forecast, bars)


def expected_of(forecast: EnergyForecast, bars: Bars) -> dict[str, Any] | None:
    """Quarters, or days of them."""
    if bars.resolution == "month":
        return None
    times = [forecast.start + place * QUARTER_SECONDS for place in range(forecast.quarters)]
    names = ["expected"] + (["low", "high"] if forecast.low is not None and bars.resolution == "quarter" else [])
    columns = {name: forecast.values(name) for name in names}
    if bars.resolution == "day":
        times, columns = _whole_days(times, columns, bars.zone)
    return {
        "t": [labelled(at) for at in times],
        **{name: [_brief(float(value)) for value in values] for name, values in columns.items()},
        "model": forecast.model,
        "total": forecast.total,
        "total_low": forecast.total_low,
        "total_high": forecast.total_high,
    }


def _whole_days(
    times: list[int], columns: dict[str, np.ndarray], zone: tzinfo
) -> tuple[list[int], dict[str, np.ndarray]]:
    """Whole days alone; a part of one would look like a day of little energy."""
    import numpy as np  # noqa: PLC0415  (as above)

    places, days, at = [], [], times[0]
    if day_begin(at, zone) != at:
        at = day_after(at, zone)
    while (past := day_after(at, zone)) <= times[-1] + QUARTER_SECONDS:
        places.append(slice((at - times[0]) // QUARTER_SECONDS, (past - times[0]) // QUARTER_SECONDS))
        days.append(at)
        at = past
    return days, {name: np.array([values[place].sum() for place in places]) for name, values in columns.items()}
