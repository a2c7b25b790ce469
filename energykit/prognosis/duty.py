"""What a battery goes through: SOC, current and temperature over time, and how SOC follows from a load."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from energykit.prognosis.errors import CannotForecast

HOUR = 3_600.0
USUAL_VOLTAGE = 3.6
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)  # equal is only itself: what was computed of it is kept by it
class Duty:
    """Columns on one grid of times, each (m,), m ≥ 2.

    time_s: ascending. Of the past: on the clock of the history; of the future: seconds ahead, 0 is now.
    soc: 0..1. current_a: positive while charging. temperature_c: °C.
    capacity_ah: of the battery now; C-rates are relative to it.
    lasts_s: of a future duty: for so long it holds, repeated from its start as often as fits; None: to the end of the
        horizon. A past duty is taken as it is.
    """

    time_s: NDArray[np.float64]
    soc: NDArray[np.float64]
    current_a: NDArray[np.float64]
    temperature_c: NDArray[np.float64]
    capacity_ah: float
    lasts_s: float | None = None

    def __post_init__(self) -> None:
        columns = (self.time_s, self.soc, self.current_a, self.temperature_c)
        lengths = {len(column) for column in columns}
        if len(lengths) != 1 or len(self.time_s) < 2:
            raise CannotForecast("A duty needs two or more rows in columns of one length.", "Give more rows.", "load")
        if not all(np.all(np.isfinite(column)) for column in columns):
            raise CannotForecast("A duty has gaps in its columns.", "Fill or leave out rows without numbers.", "load")
        if np.any(np.diff(self.time_s) <= 0):
            raise CannotForecast("The times of a duty do not ascend.", "Sort its rows, one for each time.", "load")
        if not self.capacity_ah > 0:
            raise CannotForecast("A duty needs a capacity above 0 Ah.", "Give the battery's capacity.", "capacity_ah")

    @property
    def seconds(self) -> float:
        return float(self.time_s[-1] - self.time_s[0])


@dataclass(frozen=True)
class LoadOutcome:
    """What became of a load: SOC, (m,), the current that flowed, and what the full or empty battery could not serve.

    unmet_ah: charge that was asked for and not moved, both directions together. unmet_share: of all that was asked for.
    """

    soc: NDArray[np.float64]
    current_a: NDArray[np.float64]
    unmet_ah: float
    unmet_share: float


def soc_from_load(
    time_s: ArrayLike,
    soc0: float,
    capacity_ah: float,
    current_a: ArrayLike | None = None,
    power_w: ArrayLike | None = None,
    voltage_v: float = USUAL_VOLTAGE,
) -> LoadOutcome:
    """SOC under a load that holds from each time to the next, positive while charging; it ends at 0 and 1.

    Give a current, or a power that is turned into a current at `voltage_v`.
    """
    time = np.asarray(time_s, float)
    if (current_a is None) == (power_w is None):
        raise CannotForecast("A load is either a current or a power.", "Give one of the two.", "load")
    wished = np.asarray(current_a, float) if current_a is not None else np.asarray(power_w, float) / voltage_v
    wished = np.broadcast_to(wished, time.shape)
    share = np.append(wished[:-1] * np.diff(time) / (HOUR * capacity_ah), 0.0)
    soc = _clipped_sum(soc0, share)
    moved = np.append(np.diff(soc), 0.0)
    moved = np.where(np.abs(moved - share) < ROUNDING, share, moved)
    asked, missed = float(np.sum(np.abs(share))), float(np.sum(np.abs(share - moved)))
    served = np.divide(moved, share, out=np.ones_like(share), where=share != 0)
    is_at_end = (soc[-1] >= 1.0 and wished[-1] > 0) or (soc[-1] <= 0.0 and wished[-1] < 0)
    served[-1] = 0.0 if is_at_end else 1.0
    return LoadOutcome(soc, wished * served, missed * capacity_ah, missed / asked if asked else 0.0)


def _clipped_sum(soc0: float, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sum held within 0..1 after each step; one pass of plain floats is quicker than arrays here."""
    soc, level = [], min(max(soc0, 0.0), 1.0)
    for step in share.tolist():
        soc.append(level)
        level = min(max(level + step, 0.0), 1.0)
    return np.array(soc)
