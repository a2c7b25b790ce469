"""What a forecast's chart draws, from whatever columns the forecaster answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prognosis.errors import ResultMissing
from prognosis.forecasting.quantiles import middle_columns, quantile_columns
from prognosis.models import ForecastRun
from prognosis.queries import load_used_by, result_of
from rovi_site.pages.gaps import with_gaps
from rovi_site.pages.quantities import quantity_of, title_of
from twin.health import DEVIATIONS_OF_BAND

if TYPE_CHECKING:
    import numpy as np

POINTS = 2000
MOST_PANELS = 4
LOAD_COLUMNS = {"current", "power", "temperature"}  # of a built-in forecast, which keeps no load of its own
TIMES = ("test_time", "battery_time")


def forecast_lines(run: ForecastRun) -> dict[str, Any]:
    """Lines by column with their bands: `_lower` and `_upper` as they stand, `_std` as 95 % of a normal distribution,
    q05 to q95 as a fan with q25 to q75 inside.

    `t` is test time of the battery, s, so that the lines go on where the estimates end.
    """
    columns = result_of(run)
    if not columns:
        return {"lines": [], "load": [], "left_out": [], "threshold": None}
    times = columns.get("battery_time", columns.get("test_time"))
    load_names = (set(load_used_by(run)) if run.load_file else LOAD_COLUMNS) - set(TIMES)
    names = [name for name in middle_columns(columns) if name not in TIMES]
    of_forecast = [name for name in names if name not in load_names]
    picked = _evenly(len(next(iter(columns.values()))))
    moments = picked if times is None else times[picked]
    lines = [_line(name, moments, columns, picked) for name in of_forecast[:MOST_PANELS]]
    load = [_line(name, moments, columns, picked) for name in names if name in load_names][:2]
    return {"lines": lines, "load": load, "left_out": of_forecast[MOST_PANELS:], "threshold": _threshold(run)}


def _threshold(run: ForecastRun) -> dict[str, float] | None:
    """In the units of a panel of SOH, %, and of one of capacity, Ah."""
    if run.threshold is None:
        return None
    of_capacity = {"Ah": run.threshold * run.reference_capacity} if run.reference_capacity else {}
    return {"%": 100 * run.threshold, **of_capacity}


def _line(name: str, moments: np.ndarray, columns: Mapping[str, np.ndarray], picked: np.ndarray) -> dict[str, Any]:
    quantity = quantity_of(name)
    values = columns[name][picked] * quantity.scale
    band, words = _band(name, columns, picked, quantity.scale)
    t, y, *edges = with_gaps(moments.tolist(), values.tolist(), *[edge.tolist() for edge in band])
    line = {"key": name, "title": title_of(name), "name": quantity.title, "unit": quantity.unit, "t": t, "y": y}
    line |= dict(zip(("lower", "upper", "inner_lower", "inner_upper"), edges, strict=False))
    return line | {"colour": quantity.colour, "band": words}


def _band(
    name: str, columns: Mapping[str, np.ndarray], picked: np.ndarray, scale: float
) -> tuple[list[np.ndarray], str]:
    """Edges of the band, outer ones first, and what it is; none where the forecast tells none."""
    if f"{name}_lower" in columns and f"{name}_upper" in columns:
        return [columns[f"{name}_lower"][picked] * scale, columns[f"{name}_upper"][picked] * scale], "band"
    if f"{name}_std" in columns:
        middle, sd = columns[name][picked] * scale, columns[f"{name}_std"][picked] * scale
        return [middle - DEVIATIONS_OF_BAND * sd, middle + DEVIATIONS_OF_BAND * sd], "95 % band"
    told = {level: values[picked] * scale for level, values in quantile_columns(name, columns).items()}
    if 0.05 in told and 0.95 in told:
        inner = [told[0.25], told[0.75]] if 0.25 in told and 0.75 in told else []
        return [told[0.05], told[0.95], *inner], "50 and 90 % bands" if inner else "90 % band"
    return [], ""


def in_ah(lines: list[dict[str, Any]], reference: float | None) -> list[dict[str, Any]]:
    """SOH in % as a capacity, for a chart of capacities; other lines as they are."""
    if not reference:
        return lines
    return [_line_in_ah(line, reference) if line["name"] == "SOH" else line for line in lines]


def _line_in_ah(line: dict[str, Any], reference: float) -> dict[str, Any]:
    parts = [part for part in ("y", "lower", "upper", "inner_lower", "inner_upper") if part in line]
    scaled: dict[str, Any] = {part: [None if v is None else v * reference / 100 for v in line[part]] for part in parts}
    return {**line, **scaled, "name": "Capacity", "unit": "Ah"}


def _evenly(rows: int) -> np.ndarray:
    """At most 2,000 places over all rows, the first and the last among them."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    if rows <= POINTS:
        return np.arange(rows)
    return np.unique(np.linspace(0, rows - 1, POINTS).round().astype(int))


def headline(run: ForecastRun) -> str:
    """As it was kept when the forecast was made. One from before that was done is told by its columns."""
    return run.headline or _headline_of_old(run)


def _headline_of_old(run: ForecastRun) -> str:
    """When capacity or health falls below 80 % of where it begins, or that it does not."""
    try:
        columns = result_of(run)
    except ResultMissing as missing:
        return f"{missing.message} {missing.hint}"
    name = next((n for n in middle_columns(columns) if quantity_of(n).title in ("SOH", "Capacity")), "")
    times = columns.get("test_time")
    if not name or times is None or len(times) < 2:
        return ""
    values = columns[name]
    if not math.isfinite(values[0]) or values[0] <= 0:
        return ""
    low = values < 0.8 * values[0] if quantity_of(name).title == "Capacity" else values < 0.8
    what = "80 % of today's capacity" if quantity_of(name).title == "Capacity" else "an SOH of 80 %"
    years = 365.25 * 86400
    horizon = f"{times[-1] / years:.1f} y" if times[-1] > years else f"{times[-1] / 86400:.1f} d"
    if not low.any():
        return f"Stays above {what} for the {horizon} of the forecast."
    crossed = float(times[int(low.argmax())])
    when = f"{crossed / years:.1f} y" if crossed > years else f"{crossed / 86400:.0f} d"
    return f"Falls below {what} in {when}."
