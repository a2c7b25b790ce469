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
    taken: slice | Places


def take_in(rows: FleetRows, controls: LastControls) -> Intake:
    """Judge every row: first control, step, or pass over."""
    battery = np.repeat(np.arange(len(rows)), np.diff(rows.starts))
    time, current, voltage = rows.time, rows.current, rows.voltage
    outcome = np.full(len(time), int(Outcome.STEPPED), dtype=np.uint8)
    readable = np.abs(time) < LARGEST_READING  # false for NaN too
    for readings in (current, voltage):
        readable &= np.abs(readings) < LARGEST_READING
    candidates = chosen(readable)
    outcome[~readable] = int(Outcome.NOT_FINITE)
    backwards = _goes_backwards(time[candidates], battery[candidates], controls)
    taken = candidates
    if backwards.any():
        places = np.arange(len(time))[candidates]
        outcome[places[backwards]], taken = int(Outcome.BACKWARDS), places[~backwards]
    if not controls.exist.all():
        places, whose = np.arange(len(time))[taken], battery[taken]
        outcome[places[is_first(whose) & ~controls.exist[whose]]] = int(Outcome.FIRST_CONTROL)
    return Intake(battery, time, current, voltage, rows.temperature, outcome, taken)


def controls_after(intake: Intake, controls: LastControls) -> LastControls:
    """The last row taken of each battery; those without one keep what they had."""
    battery, time, current = intake.battery[intake.taken], intake.time[intake.taken], intake.current[intake.taken]
    is_last = np.ones(len(battery), dtype=bool)
    is_last[:-1] = battery[1:] != battery[:-1]
    last = chosen(is_last)
    shown = in_family(battery[last], len(controls.exist))
    after = LastControls(controls.time.copy(), controls.current.copy(), controls.exist.copy())
    after.time[shown], after.current[shown], after.exist[shown] = time[last], current[last], True
    return after


def chosen(mask: NDArray[np.bool_]) -> slice | Places:
    """Where it is true; a slice where it is so everywhere, as mostly: which copies nothing."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


def in_family(batteries: Places, size: int) -> slice | Places:
    """Where these batteries stand; a slice where they are all of the family, in order."""
    is_whole = len(batteries) == size and bool((batteries[1:] > batteries[:-1]).all())
    return slice(None) if is_whole else batteries


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
    first = chosen(is_first(battery))
    newest_taken = np.where(controls.exist, controls.time, -np.inf)
    before[first] = newest_taken[in_family(battery[first], len(newest_taken))]
    backwards = time < before
    for suspect in np.unique(battery[backwards]) if backwards.any() else ():  # rare, so one battery at a time
        here = np.flatnonzero(battery == suspect)
        newest = np.maximum.accumulate(np.concatenate((before[here[:1]], time[here])))[:-1]
        backwards[here] = time[here] < newest
    return backwards
