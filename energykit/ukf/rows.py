"""What goes into the filter and what comes out, battery by battery."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from energykit.errors import BadRows

Floats = NDArray[np.float64]


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

    `temperature` (°C) may be handed over too; this cell model does not depend on it. Raises BadRows.
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

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def none(cls) -> "FilterRows":
        nothing = np.empty(0)
        return cls(nothing, nothing, nothing)


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
