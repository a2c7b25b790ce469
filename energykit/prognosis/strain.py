"""What a duty does to a cell, as sums that only grow: a published rate integrated along the state that it changes.

Under constant conditions loss = k · x^p. When conditions change, the loss reached so far stays and the new rate takes
over from there: with y the loss, dy/dx = p · k^(1/p) · y^((p − 1)/p). So y^(1/p) = ∫ k^(1/p) dx, exactly: the sums
below. Nothing restarts, and the sums of one period are those of any other period of the same conditions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.chemistry import SECONDS_PER_DAY, AgeingModel
from energykit.prognosis.duty import Duty
from energykit.prognosis.rainflow import cycles

SMALLEST_SWING = 0.005  # of SOC; smaller ones are ripple and noise of the estimate
IDLE_C_RATE = 0.005
SUMS = ("calendar", "cyclic", "knee", "efc", "steady_calendar", "steady_cyclic")


@dataclass(frozen=True, eq=False)
class Strain:
    """Sums since the first time, each (m,) and growing, by the names in `SUMS`: calendar ∫k_t^(1/p) d days, cyclic
    Σk_n^(1/q) EFC, knee Σ EFC/knee_efc, EFC itself, and calendar and cyclic as if the temperature were steady.
    """

    time_s: NDArray[np.float64]
    sums: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        return self.sums[:, -1]

    def at(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(6, j) at these times; before the first and after the last it goes on at its mean rate."""
        seconds = self.time_s[-1] - self.time_s[0]
        inside = np.array([np.interp(time_s, self.time_s, row) for row in self.sums])
        outside = time_s - np.clip(time_s, self.time_s[0], self.time_s[-1])
        return inside + self.total[:, None] * outside / seconds


_KNOWN: WeakKeyDictionary[Duty, dict[tuple[str, float], Strain]] = WeakKeyDictionary()


def strain_of(duty: Duty, model: AgeingModel, steady_celsius: float) -> Strain:
    """Of one pass through the duty; asked again of the same duty, as a back-test does, it is not computed again."""
    known = _KNOWN.setdefault(duty, {})
    asked = model.key, steady_celsius
    if asked not in known:
        known[asked] = _computed(duty, model, steady_celsius)
    return known[asked]


def _computed(duty: Duty, model: AgeingModel, steady_celsius: float) -> Strain:
    steady = np.full(len(duty.time_s), steady_celsius)
    cyclic, knee, efc, steady_cyclic = _cyclic(duty, model, steady_celsius)
    calendar, steady_calendar = (_calendar(duty, model, celsius) for celsius in (duty.temperature_c, steady))
    return Strain(duty.time_s, np.array([calendar, cyclic, knee, efc, steady_calendar, steady_cyclic]))


def _calendar(duty: Duty, model: AgeingModel, celsius: NDArray[np.float64]) -> NDArray[np.float64]:
    rate = model.calendar_rate(np.clip(duty.soc, 0.0, 1.0), celsius) ** (1.0 / model.calendar_exponent)
    days = np.diff(duty.time_s) / SECONDS_PER_DAY
    return np.concatenate(([0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * days)))


def _cyclic(duty: Duty, model: AgeingModel, steady_celsius: float) -> NDArray[np.float64]:
    """(4, m) cyclic, knee, EFC, steady cyclic: each counted cycle stands at the time when it is complete."""
    sums = np.zeros((4, len(duty.time_s)))
    found = cycles(duty.soc, SMALLEST_SWING)
    if not len(found.depth):
        return sums
    celsius, c_rate = _means_of_cycles(duty, found.start, found.end)
    efc = found.count * found.depth
    power = 1.0 / model.cycle_exponent
    rate = model.cycle_rate(found.depth, found.mean, c_rate, celsius) ** power
    steady = model.cycle_rate(found.depth, found.mean, c_rate, np.full_like(celsius, steady_celsius)) ** power
    knee = np.zeros_like(efc) if model.knee_efc is None else 1.0 / model.knee_efc(found.depth, found.mean, celsius)
    for row, amount in enumerate((rate * efc, knee * efc, efc, steady * efc)):
        np.add.at(sums[row], found.end, amount)
    return np.cumsum(sums, axis=1)


def _means_of_cycles(
    duty: Duty, start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean temperature over time, and mean C-rate over the time in which current flows."""
    seconds = np.diff(duty.time_s)
    rate = np.abs(duty.current_a[:-1]) / duty.capacity_ah
    busy = seconds * (rate > IDLE_C_RATE)
    columns = np.array([seconds, duty.temperature_c[:-1] * seconds, busy, rate * busy])
    running = np.concatenate((np.zeros((4, 1)), np.cumsum(columns, axis=1)), axis=1)
    time, heat, flowing, moved = running[:, end] - running[:, start]
    return heat / time, np.divide(moved, flowing, out=np.zeros_like(moved), where=flowing > 0)


@dataclass(frozen=True)
class Course:
    """Duties one after another, each repeated from its start for so many seconds; the last one for ever."""

    strains: tuple[Strain, ...]
    lasts_s: tuple[float, ...]

    @classmethod
    def of(cls, duties: Sequence[Duty], model: AgeingModel, steady_celsius: float) -> "Course":
        lasts = [np.inf if duty.lasts_s is None else duty.lasts_s for duty in duties[:-1]]
        return cls(tuple(strain_of(duty, model, steady_celsius) for duty in duties), (*lasts, np.inf))

    def at(self, ahead_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(6, k) sums from now to these times."""
        done, begin = np.zeros(len(SUMS)), 0.0
        result = np.zeros((len(SUMS), len(ahead_s)))
        for strain, lasts in zip(self.strains, self.lasts_s, strict=True):
            later = ahead_s >= begin
            result[:, later] = done[:, None] + _repeated(strain, np.minimum(ahead_s[later] - begin, lasts))
            if lasts == np.inf:
                break
            done, begin = done + _repeated(strain, np.array([lasts]))[:, 0], begin + lasts
        return result


def _repeated(strain: Strain, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
    rounds, rest = np.divmod(elapsed_s, strain.time_s[-1] - strain.time_s[0])
    return strain.total[:, None] * rounds + strain.at(strain.time_s[0] + rest)
