"""What was computed turn by turn, laid out battery by battery."""

from typing import NamedTuple

import numpy as np

from energykit.ukf.abreast import BeliefsAbreast
from energykit.ukf.intake import Intake
from energykit.ukf.rows import FilterResult, Floats, Outcome, Places
from energykit.ukf.schedule import Schedule
from energykit.ukf.stepping import Steps

DIVERGED = int(Outcome.DIVERGED)


class Shown(NamedTuple):
    """Which state each row shows: that after the latest of its battery's scheduled rows up to it, or, where there is
    none, that before."""

    latest: slice | Places  # of the scheduled rows; a slice where each row is its own
    idle: Places  # the rows that show the state before
    mean_before: Floats  # (n, idle)
    covariance_before: Floats  # (n(n+1)/2, idle)


def shown_by(intake: Intake, stepped: slice | Places, beliefs: BeliefsAbreast) -> Shown:
    """To be asked before the batteries are stepped."""
    nothing = np.empty(0, dtype=np.intp)
    if isinstance(stepped, slice):
        return Shown(stepped, nothing, np.empty((0, 0)), np.empty((0, 0)))
    latest = np.full(len(intake.time), -1, dtype=np.intp)
    latest[stepped] = np.arange(len(stepped))
    latest = np.maximum.accumulate(latest)
    known = latest >= 0
    known[known] = intake.battery[stepped[latest[known]]] == intake.battery[known]
    latest[~known] = -1
    idle = np.flatnonzero(~known)
    whose = intake.battery[idle]
    return Shown(latest, idle, beliefs.mean[:, whose], beliefs.covariance[beliefs.triangle][:, whose])


def lay_out(intake: Intake, stepped: slice | Places, schedule: Schedule, steps: Steps, shown: Shown) -> FilterResult:
    """All rows as they came in; `stepped` are the places of the rows that were scheduled, in the schedule's order."""
    predicted, variance = np.full(len(intake.time), np.nan), np.full(len(intake.time), np.nan)
    predicted[stepped], variance[stepped] = steps.voltage[schedule.slot], steps.variance[schedule.slot]
    diverged = intake.outcome == DIVERGED
    if diverged.any():
        predicted[diverged] = variance[diverged] = np.nan
    means = _states(steps.mean, schedule, shown, shown.mean_before)
    covariances = _states(steps.covariance, schedule, shown, shown.covariance_before)
    return FilterResult(means, covariances, predicted, intake.voltage - predicted, variance, intake.outcome)


def _states(after: Floats, schedule: Schedule, shown: Shown, before: Floats) -> Floats:
    """A row of state for each row taken in."""
    if isinstance(shown.latest, slice):
        return after.T[schedule.slot]
    states = np.empty((len(shown.latest), len(after)))
    known = shown.latest >= 0
    states[known] = after.T[schedule.slot][shown.latest[known]]
    states[shown.idle] = before.T
    return states
