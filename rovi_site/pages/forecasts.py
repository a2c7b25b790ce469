"""What a forecast's chart draws, from whatever columns the forecaster answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prognosis.models import ForecastRun
from prognosis.queries import load_used_by, result_of
from rovi_site.pages.gaps import with_gaps
from rovi_site.pages.quantities import quantity_of, title_of
from twin.queries import DEVIATIONS_OF_BAND

if TYPE_CHECKING:
    import numpy as np

POINTS = 2000
MOST_PANELS = 4
TIMES = ("test_time", "battery_time")
PARTS_OF_A_BAND = ("_lower", "_upper", "_std")


def forecast_lines(run: ForecastRun) -> dict[str, Any]:
    """Lines by column with their bands: `_lower` and `_upper` as they stand, `_std` as 95 % of a normal distribution.

    `t` is test time of the battery, s, so that the lines go on where the estimates end.
    """
    columns = result_of(run)
    if not columns:
        return {"lines": [], "load": [], "left_out": []}
    times = columns.get("battery_time", columns.get("test_time"))
    load_names = set(load_used_by(run)) - set(TIMES)
    names = [name for name in columns if name not in TIMES and not _is_part_of_band(name, columns)]
    of_forecast = [name for name in names if name not in load_names]
    picked = _evenly(len(next(iter(columns.values()))))
    moments = picked if times is None else times[picked]
    lines = [_line(name, moments, columns, picked) for name in of_forecast[:MOST_PANELS]]
    load = [_line(name, moments, columns, picked) for name in names if name in load_names][:2]
    return {"lines": lines, "load": load, "left_out": of_forecast[MOST_PANELS:]}


def _line(name: str, moments: np.ndarray, columns: Mapping[str, np.ndarray], picked: np.ndarray) -> dict[str, Any]:
    quantity = quantity_of(name)
    values = columns[name][picked] * quantity.scale
    lower, upper = _band(name, columns, picked, quantity.scale)
    band = [lower.tolist(), upper.tolist()] if lower is not None and upper is not None else []
    t, y, *edges = with_gaps(moments.tolist(), values.tolist(), *band)
    line = {"key": name, "title": title_of(name), "name": quantity.title, "unit": quantity.unit, "t": t, "y": y}
    if edges:
        line |= {"lower": edges[0], "upper": edges[1]}
    return line | {"colour": quantity.colour}


def _band(
    name: str, columns: Mapping[str, np.ndarray], picked: np.ndarray, scale: float
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if f"{name}_lower" in columns and f"{name}_upper" in columns:
        return columns[f"{name}_lower"][picked] * scale, columns[f"{name}_upper"][picked] * scale
    if f"{name}_std" in columns:
        middle, sd = columns[name][picked] * scale, columns[f"{name}_std"][picked] * scale
        return middle - DEVIATIONS_OF_BAND * sd, middle + DEVIATIONS_OF_BAND * sd
    return None, None


def _is_part_of_band(name: str, columns: Mapping[str, np.ndarray]) -> bool:
    return any(name.endswith(part) and name.removesuffix(part) in columns for part in PARTS_OF_A_BAND)


def _evenly(rows: int) -> np.ndarray:
    """At most 2,000 places over all rows, the first and the last among them."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    if rows <= POINTS:
        return np.arange(rows)
    return np.unique(np.linspace(0, rows - 1, POINTS).round().astype(int))


def headline(run: ForecastRun) -> str:
    """When capacity or health falls below 80 % of where it begins, or that it does not."""
    columns = result_of(run)
    name = next(
        (n for n in columns if quantity_of(n).title in ("SOH", "Capacity") and not _is_part_of_band(n, columns)), ""
    )
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
