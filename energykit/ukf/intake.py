"""Rows of many batteries laid end to end, and judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.rows import FleetRows, Floats, Outcome, Places

# No clock and no sensor says more than this, and products of what is below it do not overflow.
LARGEST_READING = 1e15


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
    time: Floats
    current: Floats
    voltage: Floats
    temperature: Floats | None
    outcome: NDArray[np.uint8]
    taken: Places


def take_in(rows: FleetRows, controls: LastControls) -> Intake:
    """Judge every row: first control, step, or pass over."""
    battery = np.repeat(np.arange(len(rows)), np.diff(rows.starts))
    time, current, voltage = rows.time, rows.current, rows.voltage
    outcome = np.full(len(time), Outcome.STEPPED, dtype=np.uint8)
    readable = np.ones(len(time), dtype=bool)
    for readings in (time, current, voltage):
        readable &= np.abs(readings) < LARGEST_READING  # false for NaN too
    outcome[~readable] = Outcome.NOT_FINITE
    candidates = np.flatnonzero(readable)
    backwards = _goes_backwards(time[candidates], battery[candidates], controls)
    outcome[candidates[backwards]] = Outcome.BACKWARDS
    taken = candidates[~backwards]
    opens = is_first(battery[taken]) & ~controls.exist[battery[taken]]
    outcome[taken[opens]] = Outcome.FIRST_CONTROL
    return Intake(battery, time, current, voltage, rows.temperature, outcome, taken)


def controls_after(intake: Intake, controls: LastControls) -> LastControls:
    """The last row taken of each battery; those without one keep what they had."""
    battery = intake.battery[intake.taken]
    last = np.flatnonzero(is_first(battery)[1:])  # of all batteries but the last
    last = np.append(last, len(battery) - 1) if len(battery) else last
    time, current, exist = controls.time.copy(), controls.current.copy(), controls.exist.copy()
    time[battery[last]] = intake.time[intake.taken[last]]
    current[battery[last]] = intake.current[intake.taken[last]]
    exist[battery[last]] = True
    return LastControls(time, current, exist)


def one_later(values: Floats) -> Floats:
    """Each value in the place after its own; the first place is for the caller to fill."""
    moved = np.empty_like(values)
    moved[1:] = values[:-1]
    return moved


def is_first(battery: Places) -> NDArray[np.bool_]:
    first = np.ones(len(battery), dtype=bool)
    first[1:] = battery[1:] != battery[:-1]
    return first


def _goes_backwards(time: Floats, battery: Places, controls: LastControls) -> NDArray[np.bool_]:
    """Older than the newest row taken before it; the newest is a running maximum within each battery."""
    before = one_later(time)
    first = is_first(battery)
    before[first] = np.where(controls.exist, controls.time, -np.inf)[battery[first]]
    backwards = time < before
    for suspect in np.unique(battery[backwards]):  # rare, so the running maximum is found one battery at a time
        here = np.flatnonzero(battery == suspect)
        newest = np.maximum.accumulate(np.concatenate((before[here[:1]], time[here])))[:-1]
        backwards[here] = time[here] < newest
    return backwards
