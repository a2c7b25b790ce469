"""The rows of a fit: sound, in order of time, with the charge that has flowed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from energykit.errors import BadRows
from energykit.ukf.rows import FilterRows, Floats

SECONDS_PER_HOUR = 3_600.0
FEWEST_ROWS = 10
LARGEST_READING = 1e12  # from here on a number is no reading; the filter's own limit is 1e15
LEAST_SHARE_OF_CURRENT = 0.01  # of the greatest current: less is rest


@dataclass(frozen=True)
class CellRows:
    """Finite rows in order of test time; `place` tells where each stood among the rows that were given.

    Time (s), current (A, positive while charging), voltage (V), temperature (°C; None where nothing was measured).
    """

    time: Floats
    current: Floats
    voltage: Floats
    temperature: Floats | None
    place: NDArray[np.intp]
    left_out: int

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def moved_ah(self) -> Floats:
        """Charge since the first row; between two rows flows the current of the former, as in the filter."""
        pieces = self.current[:-1] * np.diff(self.time) / SECONDS_PER_HOUR
        return np.concatenate(([0.0], np.cumsum(pieces)))

    @cached_property
    def turns(self) -> NDArray[np.intp]:
        """Rows at which the current changes its sign, rests apart, with the first and the last row."""
        signs = np.sign(np.diff(self.moved_ah))
        moving = np.flatnonzero(signs)
        changes = moving[1:][signs[moving[1:]] != signs[moving[:-1]]]
        return np.concatenate(([0], changes, [len(self) - 1]))

    @cached_property
    def largest_run_ah(self) -> float:
        """The most charge that moved in one direction; unlike the span of it all it knows no drift over many cycles."""
        return float(np.max(np.abs(np.diff(self.moved_ah[self.turns]))))

    @cached_property
    def greatest_current(self) -> float:
        return float(np.max(np.abs(self.current)))

    @cached_property
    def is_rest(self) -> NDArray[np.bool_]:
        return np.abs(self.current) <= LEAST_SHARE_OF_CURRENT * self.greatest_current

    @cached_property
    def usual_seconds(self) -> float:
        """Between two rows: the median of steps above 0."""
        steps = np.diff(self.time)
        return float(np.median(steps[steps > 0])) if np.any(steps > 0) else 1.0

    def for_filter(self) -> FilterRows:
        return FilterRows(self.time, self.current, self.voltage, self.temperature)

    def part(self, first: int, end: int) -> "CellRows":
        kelvins = None if self.temperature is None else self.temperature[first:end]
        span = slice(first, end)
        return CellRows(self.time[span], self.current[span], self.voltage[span], kelvins, self.place[span], 0)

    def reversed_current(self) -> "CellRows":
        return CellRows(self.time, -self.current, self.voltage, self.temperature, self.place, self.left_out)


def cell_rows(time: Floats, current: Floats, voltage: Floats, temperature: Floats | None = None) -> CellRows:
    """Rows that are readings, sorted by time where they were not; raises BadRows where too few are left."""
    given = FilterRows(*(np.asarray(column, dtype=np.float64) for column in (time, current, voltage)))
    sound = np.ones(len(given), dtype=bool)
    for column in (given.time, given.current, given.voltage):
        sound &= np.isfinite(column) & (np.abs(column) < LARGEST_READING)
    place = np.flatnonzero(sound)
    place = place[np.argsort(given.time[place], kind="stable")]
    if len(place) < FEWEST_ROWS:
        raise BadRows(
            f"A cell is fitted to at least {FEWEST_ROWS} rows with time, current and voltage; there are {len(place)}."
        )
    warmth = None if temperature is None else np.asarray(temperature, dtype=np.float64)[place]
    if warmth is not None and not np.isfinite(warmth).any():
        warmth = None
    return CellRows(
        given.time[place], given.current[place], given.voltage[place], warmth, place, int(len(given) - len(place))
    )
