"""What a chart of a forecast is drawn from: the past, what lies ahead, and the band around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prognosis.forecasting.profile import UNITS
from prognosis.models import ForecastRun
from prognosis.queries import history_used_by, result_of

TIMES = ("test_time", "battery_time")
TWO_SIDED_95 = 1.959963984540054  # standard deviations to each side that hold 95 % of a normal distribution
BAND_ENDINGS = ("_lower", "_upper", "_std")


@dataclass(frozen=True)
class Line:
    """A quantity, past and forecast, over the battery's test_time, s. `lower` and `upper` are None without a band."""

    name: str
    past_times: np.ndarray
    past: np.ndarray
    times: np.ndarray
    values: np.ndarray
    lower: np.ndarray | None
    upper: np.ndarray | None

    def thinned(self, points: int) -> dict[str, Any]:
        """Plain lists of at most about `points` of past and forecast each; None for what is no number."""
        past, ahead = _kept(self.past_times, self.past, points), _kept(self.times, self.values, points)
        return {
            "name": self.name,
            "past": {"battery_time": _plain(self.past_times[past]), "values": _plain(self.past[past])},
            "forecast": {
                "battery_time": _plain(self.times[ahead]),
                "values": _plain(self.values[ahead]),
                "lower": None if self.lower is None else _plain(self.lower[ahead]),
                "upper": None if self.upper is None else _plain(self.upper[ahead]),
            },
        }


def lines_of(run: ForecastRun) -> list[Line]:
    """The quantities of a finished forecast, those with a past first; the load's columns are left out.

    `x_lower` and `x_upper` are the band of `x`; with `x_std` alone it is x ± 1.96 standard deviations.
    """
    result, history = result_of(run), history_used_by(run)
    if not result:
        return []
    lines = [
        Line(
            name,
            history["test_time"] if name in history and "test_time" in history else np.empty(0),
            history[name] if name in history and "test_time" in history else np.empty(0),
            result["battery_time"],
            values,
            *_band(name, values, result),
        )
        for name, values in result.items()
        if name not in TIMES and name not in UNITS and not _is_edge(name, result)
    ]
    return sorted(lines, key=lambda line: not len(line.past))


def _is_edge(name: str, columns: dict[str, np.ndarray]) -> bool:
    return any(name.endswith(ending) and name.removesuffix(ending) in columns for ending in BAND_ENDINGS)


def _band(name: str, values: np.ndarray, columns: dict[str, np.ndarray]) -> tuple[np.ndarray | None, np.ndarray | None]:
    lower, upper, deviation = (columns.get(name + ending) for ending in BAND_ENDINGS)
    if lower is not None and upper is not None:
        return lower, upper
    if deviation is None:
        return None, None
    return values - TWO_SIDED_95 * deviation, values + TWO_SIDED_95 * deviation


def _kept(times: np.ndarray, values: np.ndarray, points: int) -> np.ndarray:
    """Places of the points to draw."""
    if len(times) <= points:
        return np.arange(len(times))
    from tsdownsample import NaNMinMaxLTTBDownsampler  # noqa: PLC0415  (needed when a chart is long, not at boot)

    return NaNMinMaxLTTBDownsampler().downsample(times, values, n_out=points)


def _plain(values: np.ndarray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
