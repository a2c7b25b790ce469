"""What a forecast answers: the load's columns and the forecast's, checked once more outside the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from prognosis.errors import ForecastFailed
from prognosis.forecasting.profile import MAX_POINTS as MAX_POINTS

MAX_COLUMNS = 50
MAX_NAME = 200
MAX_VALUES = 8_000_000  # 64 MB on the wire from the sandbox, which is what it lets through


def checked_columns(columns: Any) -> dict[str, np.ndarray]:
    """The columns that came out of the sandbox; raises ForecastFailed.

    The guest checks them too, and says more; but a script could have changed the guest, so its word is not taken.
    """
    if not isinstance(columns, dict) or not 0 < len(columns) <= MAX_COLUMNS:
        raise ForecastFailed(f"The forecast must have 1 to {MAX_COLUMNS} columns.")
    for name, values in columns.items():
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ForecastFailed(f"A column is named {str(name)[:80]!r}; take 1 to {MAX_NAME} printable letters.")
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            raise ForecastFailed(f"The column {name!r} of the forecast is no list of numbers.")
        if values.dtype != np.float64 or not 0 < len(values) <= MAX_POINTS:
            raise ForecastFailed(f"The column {name!r} of the forecast does not hold 1 to {MAX_POINTS:,} numbers.")
    return columns


def load_and_forecast(
    load: Mapping[str, np.ndarray], forecast: Mapping[str, np.ndarray], newest_estimate: float
) -> dict[str, np.ndarray]:
    """The load's columns with the forecast's over them; raises ForecastFailed where their lengths differ.

    A forecast may bring a `test_time` of its own (ROVI's example does); `battery_time` then follows it.
    """
    merged = {**load, **forecast}
    if "test_time" in forecast and "battery_time" not in forecast:
        merged["battery_time"] = newest_estimate + forecast["test_time"]
    lengths = {name: len(values) for name, values in merged.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length:,}" for name, length in list(lengths.items())[:10])
        raise ForecastFailed(
            f"The columns of load and forecast differ in length: {told}.",
            hint="Return one row for each row of the load, or replace every column of the load.",
        )
    return merged
