"""What goes into the filter and what comes out, battery by battery."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray

from energykit.errors import BadRows

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def picked(values: Floats, batteries: slice | Places) -> Floats:
    """Of these batteries, which stand in the last axis; a view where they are a slice."""
    return values[..., batteries] if isinstance(batteries, slice) else values.take(batteries, axis=-1)


class Outcome(IntEnum):
    """What became of a row."""

    STEPPED = 0
    FIRST_CONTROL = 1  # the very first row only says which current flows until the second
    NOT_FINITE = 2  # time, current or voltage is no reading (NaN, infinite, 1e15); passed over as if it had not come
    BACKWARDS = 3  # older than a row already taken; passed over likewise
    DIVERGED = 4  # its numbers broke the arithmetic: the state before it is kept, its current counts


@dataclass(frozen=True, slots=True)
class FilterRows:
    """Rows of one battery in order of arrival: test time (s), current (A, positive while charging), voltage (V).

    `temperature` (°C, NaN where there is none) counts where the cell's parameters depend on it. Raises BadRows.
    """

    time: Floats
    current: Floats
    voltage: Floats
    temperature: Floats | None = None

    def __post_init__(self) -> None:
        if not len(self.time) == len(self.current) == len(self.voltage):
            raise BadRows(
                f"Time has {len(self.time)} values, current {len(self.current)} and voltage {len(self.voltage)}; "
                "each row needs all three (NaN where one is missing)."
            )
        if self.temperature is not None and len(self.temperature) != len(self.time):
            raise BadRows(
                f"There are {len(self.time)} rows but {len(self.temperature)} temperatures; each row needs one (NaN "
                "where it is missing), or none has any."
            )

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def none(cls) -> "FilterRows":
        nothing = np.empty(0)
        return cls(nothing, nothing, nothing)


@dataclass(frozen=True, slots=True)
class FleetRows:
    """Rows of many batteries end to end: those of battery k stand from `starts[k]` up to `starts[k + 1]`.

    What is in columns already is quickest handed over so; `temperature` may be None for all. Raises BadRows.
    """

    starts: Places  # (batteries + 1,)
    time: Floats
    current: Floats
    voltage: Floats
    temperature: Floats | None = None

    def __post_init__(self) -> None:
        lengths = {len(each) for each in (self.time, self.current, self.voltage)}
        if self.temperature is not None:
            lengths.add(len(self.temperature))
        if lengths != {int(self.starts[-1])} or self.starts[0] != 0 or (np.diff(self.starts) < 0).any():
            raise BadRows("Starts must rise from 0 to the number of rows, and every column must have as many values.")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def joined(cls, rows: Sequence[FilterRows], with_temperature: bool = True) -> "FleetRows":
        times = [each.time for each in rows]
        starts = np.zeros(len(rows) + 1, dtype=np.intp)
        np.cumsum(list(map(len, times)), out=starts[1:])
        temperature = None
        if with_temperature and any(each.temperature is not None for each in rows):
            temperature = _end_to_end(
                [np.full(len(each), np.nan) if each.temperature is None else each.temperature for each in rows]
            )
        return cls(
            starts,
            _end_to_end(times),
            _end_to_end([each.current for each in rows]),
            _end_to_end([each.voltage for each in rows]),
            temperature,
        )

    def of(self, batteries: Places) -> "FleetRows":
        """The rows of these batteries, in this order."""
        lengths = np.diff(self.starts)[batteries]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        places = np.repeat(self.starts[batteries] - starts[:-1], lengths) + np.arange(starts[-1])
        temperature = None if self.temperature is None else self.temperature[places]
        return FleetRows(starts, self.time[places], self.current[places], self.voltage[places], temperature)


def _end_to_end(columns: Sequence[Floats]) -> Floats:
    return np.concatenate(columns, dtype=np.float64, casting="unsafe")


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What the filter knew after each row; k rows, n states.

    A row that was not stepped repeats the state before it; its predicted voltage, innovation and variance are NaN.
    """

    means: Floats  # (k, n)
    covariances: Floats  # (k, n(n+1)/2), the upper triangle row by row
    predicted_voltage: Floats  # (k,) V, before the row's own voltage was used
    innovation: Floats  # (k,) V, measured minus predicted
    innovation_variance: Floats  # (k,) V²
    skipped: NDArray[np.uint8]  # (k,) Outcome of each row

    @property
    def stepped(self) -> NDArray[np.bool_]:
        return self.skipped == Outcome.STEPPED

    @property
    def nis(self) -> Floats:
        """Normalised innovation squared; about 1 on average while filter and cell agree."""
        return self.innovation * self.innovation / self.innovation_variance

    def span(self, start: int, end: int) -> "FilterResult":
        rows = slice(start, end)
        return FilterResult(
            self.means[rows],
            self.covariances[rows],
            self.predicted_voltage[rows],
            self.innovation[rows],
            self.innovation_variance[rows],
            self.skipped[rows],
        )


@dataclass(frozen=True, slots=True)
class FleetResult(Sequence[FilterResult]):
    """A result for each battery, cut out of its family's columns when it is asked for."""

    families: Sequence[tuple[FilterResult, Places]]  # all rows of a family, and where each battery's start
    places: Sequence[tuple[int, int]]  # of each battery: its family, and which of the family's it is

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, battery: int) -> FilterResult: ...

    @overload
    def __getitem__(self, battery: slice) -> list[FilterResult]: ...

    def __getitem__(self, battery: int | slice) -> FilterResult | list[FilterResult]:
        if isinstance(battery, slice):
            return [self[each] for each in range(*battery.indices(len(self)))]
        family, place = self.places[battery]
        result, starts = self.families[family]
        return result.span(int(starts[place]), int(starts[place + 1]))
