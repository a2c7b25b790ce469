"""A row as an estimator's script sees it. Free of Django: this runs inside the sandbox."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

DEFAULT_TEMPERATURE_C = 25.0  # Moirae's own, for rows that tell none


class Reading:
    """Every column of a row by its name, as an item or, where nothing else has that name, as an attribute.

    Numbers are floats with NaN for a missing one; texts are str or None.
    """

    __slots__ = ("_row",)

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row

    def __getitem__(self, column: str) -> Any:
        return self._row[column]

    def __contains__(self, column: object) -> bool:
        return column in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def keys(self) -> list[str]:
        return list(self._row)

    def get(self, column: str, default: Any = None) -> Any:
        return self._row.get(column, default)

    def __getattr__(self, name: str) -> Any:
        if name == "_row" or name not in self._row:  # `_row` is missing while an unpickled one is being filled
            raise AttributeError(f"The row has no column {name!r}.")
        return self._row[name]


class Inputs(Reading):
    """What was done to the battery: `time` (s), `current` (A, positive while charging), `temperature` (°C).

    `time` is the test_time even where the rows have a column `time`: that one is `inputs["time"]`.
    """

    __slots__ = ("current", "temperature", "time")

    def __init__(self, row: dict[str, Any], time: float, current: float, temperature: float) -> None:
        super().__init__(row)
        self.time = time
        self.current = current
        self.temperature = temperature


class Measurements(Reading):
    """What was measured of it: `terminal_voltage` (V)."""

    __slots__ = ("terminal_voltage",)

    def __init__(self, row: dict[str, Any], terminal_voltage: float) -> None:
        super().__init__(row)
        self.terminal_voltage = terminal_voltage


def readings(columns: Mapping[str, np.ndarray]) -> Iterator[tuple[Inputs, Measurements]]:
    """One pair a row. The columns `test_time`, `current` and `voltage` must be there, under these names."""
    names = list(columns)
    places = {name.lower(): place for place, name in enumerate(names)}
    time, current, voltage = (places[name] for name in ("test_time", "current", "voltage"))
    temperature = places.get("temperature")
    for values in zip(*(columns[name].tolist() for name in names), strict=True):
        row = dict(zip(names, values, strict=True))
        measured = DEFAULT_TEMPERATURE_C if temperature is None else values[temperature]
        if not isinstance(measured, float) or not math.isfinite(measured):
            measured = DEFAULT_TEMPERATURE_C
        yield Inputs(row, values[time], values[current], measured), Measurements(row, values[voltage])
