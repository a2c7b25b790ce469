"""Rows of many batteries laid end to end, judged, and turned into what one step needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.rows import FilterRows, Floats, Outcome
from energykit.ukf.step import Row

SECONDS_PER_HOUR = 3600.0

# No clock and no sensor says more than this, and products of what is below it do not overflow.
LARGEST_READING = 1e15

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LastControls:
    """Per battery: time (s) and current (A) of the last row taken, where there was one."""

    time: Floats
    current: Floats
    exist: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Intake:
    """All rows, battery after battery; `taken` are the places of those that move a filter or set its first control."""

    battery: Places
    starts: Places  # (batteries + 1,) where each battery's rows begin
    time: Floats
    current: Floats
    voltage: Floats
    outcome: NDArray[np.uint8]
    taken: Places


@dataclass(frozen=True, slots=True)
class Motions:
    """What happens between the previous row taken and this one, for every row to step, battery after battery."""

    charge: Floats  # Ah that the cell keeps
    decays: list[Floats]  # factor for each RC pair
    current: Floats  # A, of the row itself
    voltage: Floats  # V

    def in_order(self, slots: Places) -> "Motions":
        """Each row moved to its slot."""
        return Motions(
            _moved(self.charge, slots),
            [_moved(decay, slots) for decay in self.decays],
            _moved(self.current, slots),
            _moved(self.voltage, slots),
        )

    def rows(self, slots: slice) -> Row:
        """Several rows abreast, as arrays."""
        return Row(
            self.charge[slots], [decay[slots] for decay in self.decays], self.current[slots], self.voltage[slots]
        )

    def rows_of_one(self, slots: Places) -> Iterator[Row]:
        """One row after the other, as floats."""
        decays = zip(*(decay[slots].tolist() for decay in self.decays), strict=True) if self.decays else repeat(())
        columns = (self.charge[slots].tolist(), decays, self.current[slots].tolist(), self.voltage[slots].tolist())
        return map(Row, *columns)


def _moved(values: Floats, slots: Places) -> Floats:
    moved = np.empty_like(values)
    moved[slots] = values
    return moved


def take_in(rows: Sequence[FilterRows], controls: LastControls) -> Intake:
    """Judge every row: first control, step, or pass over."""
    lengths = np.array([len(each) for each in rows], dtype=np.intp)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    battery = np.repeat(np.arange(len(rows)), lengths)
    time, current, voltage = (
        np.concatenate([np.asarray(getattr(each, name), dtype=np.float64) for each in rows])
        for name in ("time", "current", "voltage")
    )
    outcome = np.full(len(time), Outcome.STEPPED, dtype=np.uint8)
    readable = np.ones(len(time), dtype=bool)
    for readings in (time, current, voltage):
        readable &= np.abs(readings) < LARGEST_READING  # false for NaN too
    outcome[~readable] = Outcome.NOT_FINITE
    candidates = np.flatnonzero(readable)
    backwards = _goes_backwards(time[candidates], battery[candidates], controls)
    outcome[candidates[backwards]] = Outcome.BACKWARDS
    taken = candidates[~backwards]
    opens = _is_first(battery[taken]) & ~controls.exist[battery[taken]]
    outcome[taken[opens]] = Outcome.FIRST_CONTROL
    return Intake(battery, starts, time, current, voltage, outcome, taken)


def motions_of(intake: Intake, controls: LastControls, efficiency: Floats, time_constants: Sequence[Floats]) -> Motions:
    """Charge flows with the previous row's current; only charging loses some of it (efficiency, per battery)."""
    taken, battery = intake.taken, intake.battery[intake.taken]
    time, current = intake.time[taken], intake.current[taken]
    first = _is_first(battery)
    time_before, current_before = np.roll(time, 1), np.roll(current, 1)
    time_before[first], current_before[first] = controls.time[battery[first]], controls.current[battery[first]]

    steps = intake.outcome[taken] == Outcome.STEPPED
    battery, seconds = battery[steps], (time - time_before)[steps]
    current_before = current_before[steps]
    kept = np.where(current_before >= 0.0, efficiency[battery], 1.0)
    charge = kept * (current_before * seconds / SECONDS_PER_HOUR)
    decays = [np.exp(-seconds / seconds_to_decay[battery]) for seconds_to_decay in time_constants]
    return Motions(charge, decays, intake.current[taken[steps]], intake.voltage[taken[steps]])


def controls_after(intake: Intake, controls: LastControls) -> LastControls:
    """The last row taken of each battery; those without one keep what they had."""
    battery = intake.battery[intake.taken]
    last = np.flatnonzero(np.roll(_is_first(battery), -1)) if len(battery) else np.empty(0, dtype=np.intp)
    time, current, exist = controls.time.copy(), controls.current.copy(), controls.exist.copy()
    time[battery[last]] = intake.time[intake.taken[last]]
    current[battery[last]] = intake.current[intake.taken[last]]
    exist[battery[last]] = True
    return LastControls(time, current, exist)


def _is_first(battery: Places) -> NDArray[np.bool_]:
    first = np.ones(len(battery), dtype=bool)
    first[1:] = battery[1:] != battery[:-1]
    return first


def _goes_backwards(time: Floats, battery: Places, controls: LastControls) -> NDArray[np.bool_]:
    """Older than the newest row taken before it; the newest is a running maximum within each battery."""
    before = np.roll(time, 1)
    first = _is_first(battery)
    before[first] = np.where(controls.exist, controls.time, -np.inf)[battery[first]]
    backwards = time < before
    for suspect in np.unique(battery[backwards]):  # rare, so the running maximum is found one battery at a time
        here = np.flatnonzero(battery == suspect)
        newest = np.maximum.accumulate(np.concatenate((before[here[:1]], time[here])))[:-1]
        backwards[here] = time[here] < newest
    return backwards
