"""What the charts of energy draw: bars by kind, what is missing, what is outlying, what is expected, a heat map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from energykit.quarters import MICROSECONDS, QUARTER, QUARTER_SECONDS, labelled
from fleet.models import Asset, EnergyForecast
from fleet.queries import FleetSum, fleet_energy, newest_forecast, quarters_between, sums_of_asset
from fleet.tables import month_of
from rovi_site.pages.energy_range import Window

if TYPE_CHECKING:
    import numpy as np

DAY = 86_400
BARS_OF_QUARTERS = 8 * 96
BARS_OF_DAYS = 400
MOST_QUARTERS = 1_000_000  # of all assets, that a page sums up
MOST_DAYS_OF_HEAT = 62
QUARTERS_BEFORE = 28 * 96
WHOLE = 0.98
COLOURS = {"ship": "series-1", "meter": "series-2", "battery": "series-3", "other": "series-4"}


def resolution_of(window: Window) -> str:
    if window.quarters <= BARS_OF_QUARTERS:
        return "quarter"
    return "day" if window.quarters <= BARS_OF_DAYS * 96 else "month"


def resolution_shown(window: Window, assets: int) -> str:
    """As above, of all assets together: days where the quarters are too many to be summed up for a page."""
    resolution = resolution_of(window)
    return "day" if resolution == "quarter" and not _are_few(window, assets) else resolution


def _are_few(window: Window, assets: int) -> bool:
    return window.quarters * max(assets, 1) <= MOST_QUARTERS


def whole_spans(window: Window, resolution: str) -> tuple[int, int]:
    """The window from the beginning of its first day or month on, s: sums of a part of one are not kept."""
    if resolution == "quarter":
        return window.start, window.end
    return (window.start - window.start % DAY if resolution == "day" else month_of(window.start)), window.end


def fleet_series(window: Window, assets: int) -> dict[str, Any]:
    """All assets together."""
    resolution, few = resolution_shown(window, assets), _are_few(window, assets)
    first, past = whole_spans(window, resolution)
    end = window.end * MICROSECONDS
    sums = fleet_energy(first * MICROSECONDS, past * MICROSECONDS, resolution)
    answer = _chart(sums, resolution, first, past)
    if few and window.quarters <= MOST_DAYS_OF_HEAT * 96:
        judged = _judged_from(window, assets)
        known = (
            (each.start, each.energy, each.covered) for each in fleet_energy(judged * MICROSECONDS, end, "quarter")
        )
        answer |= _by_quarter(window, judged, known, resolution)
    else:
        answer["left_out"] = "The day against the time of day is drawn for fewer assets, or a shorter range."
    return answer | {"forecast": _expected(newest_forecast(None), window, resolution)}


def asset_series(asset: Asset, window: Window) -> dict[str, Any]:
    resolution = resolution_of(window)
    end = window.end * MICROSECONDS
    first, past = whole_spans(window, resolution)
    sums = sums_of_asset(asset, first, past, resolution)
    answer = _chart(sums, resolution, first, past)
    if window.quarters <= MOST_DAYS_OF_HEAT * 96:
        judged = _judged_from(window, 1)
        found = quarters_between(asset, judged * MICROSECONDS, end)
        answer |= _by_quarter(
            window, judged, ((each.start, each.energy or 0.0, each.covered) for each in found), resolution
        )
    return answer | {"forecast": _expected(newest_forecast(asset), window, resolution)}


def _chart(sums: list[FleetSum], resolution: str, first: int, past: int) -> dict[str, Any]:
    return {
        "resolution": resolution,
        "span": [labelled(first), labelled(past)],
        "lines": _bars(sums),
        "coverage": _coverage(sums, resolution),
    }


def _bars(sums: Iterable[FleetSum]) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for each in sums:
        names = [(each.kind, each.energy)]
        if each.charged:
            names.append((f"{each.kind}, charged", -each.charged))
        for name, energy in names:
            line = lines.setdefault(
                name, {"name": name, "colour": COLOURS.get(each.kind, "series-4"), "t": [], "y": []}
            )
            line["t"].append(labelled(each.start))
            line["y"].append(round(energy, 6))
    return list(lines.values())


def _coverage(sums: Iterable[FleetSum], resolution: str) -> dict[str, Any]:
    """Share of the time that is known, of the assets that have any in the window; by bar."""
    covered: dict[int, list[int]] = {}
    for each in sums:
        total = covered.setdefault(each.start, [0, 0])
        total[0] += each.covered
        total[1] += each.assets
    most = max((assets for _, assets in covered.values()), default=0)
    span = QUARTER if resolution == "quarter" else 96 * QUARTER if resolution == "day" else None
    if span is None or not most:
        return {"t": [], "share": []}
    moments = sorted(covered)
    return {
        "t": [labelled(at) for at in moments],
        "share": [round(min(1.0, covered[at][0] / (most * span)), 4) for at in moments],
    }


def _judged_from(window: Window, assets: int) -> int:
    """Where the quarters begin, s, that a window's are held against: four weeks before it, if those are few enough."""
    quarters = window.quarters + QUARTERS_BEFORE
    return window.start - (QUARTERS_BEFORE * QUARTER_SECONDS if quarters * max(assets, 1) <= MOST_QUARTERS else 0)


def _by_quarter(
    window: Window, judged_from: int, quarters: Iterable[tuple[int, float, int]], resolution: str
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
    is_whole = covered >= WHOLE * np.median(covered[covered > 0]) if covered.any() else covered > 0
    is_strange = outlying(np.where(is_whole, energy, np.nan), before)
    first = window.start // DAY * 96
    energy, is_strange = energy[first - before :], is_strange[first - before :]
    energy[: window.start // QUARTER_SECONDS - first] = np.nan
    strange = np.flatnonzero(is_strange & ~np.isnan(energy))
    table = energy.reshape(-1, 96)
    return {
        "outlying": {
            "t": [labelled(int(first + place) * QUARTER_SECONDS) for place in strange],
            "y": [float(energy[place]) for place in strange],
            "drawn": resolution == "quarter",
        },
        "heat": {
            "days": [labelled((first + 96 * day) * QUARTER_SECONDS)[:10] for day in range(len(table))],
            "kwh": [[None if np.isnan(value) else round(float(value), 4) for value in day] for day in table],
        },
    }


def _expected(forecast: EnergyForecast | None, window: Window, resolution: str) -> dict[str, Any] | None:
    """The newest forecast, where it begins in or right after the window; quarters, or days of them."""
    if forecast is None or resolution == "month" or not window.start <= forecast.start <= window.end:
        return None
    times = [forecast.start + place * QUARTER_SECONDS for place in range(forecast.quarters)]
    names = ["expected"] + (["low", "high"] if forecast.low is not None and resolution == "quarter" else [])
    columns = {name: forecast.values(name) for name in names}
    if resolution == "day":
        times, columns = _by_day(times, columns)
    return {
        "t": [labelled(at) for at in times],
        **{name: [round(float(value), 6) for value in values] for name, values in columns.items()},
        "model": forecast.model,
        "total": forecast.total,
        "total_low": forecast.total_low,
        "total_high": forecast.total_high,
    }


def _by_day(times: list[int], columns: dict[str, np.ndarray]) -> tuple[list[int], dict[str, np.ndarray]]:
    """Whole days alone; a part of one would look like a day of little energy."""
    import numpy as np  # noqa: PLC0415  (as above)

    days = [times[0] + place * QUARTER_SECONDS for place in range(0, len(times) - 95, 96) if times[0] % DAY == 0]
    whole = {name: np.add.reduceat(values, np.arange(0, 96 * len(days), 96)) if days else values[:0]
             for name, values in columns.items()}  # fmt: skip
    return days, whole
