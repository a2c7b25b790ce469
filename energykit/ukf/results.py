"""What was computed turn by turn, laid out battery by battery."""

import numpy as np

from energykit.ukf.intake import Intake
from energykit.ukf.rows import FilterResult, Floats, Places
from energykit.ukf.schedule import Schedule
from energykit.ukf.stepping import Steps


def lay_out(
    intake: Intake, stepped: Places, schedule: Schedule, steps: Steps, mean_before: Floats, covariance_before: Floats
) -> FilterResult:
    """All rows as they came in; `stepped` are the places of the rows that were scheduled, in the schedule's order."""
    latest = _latest_scheduled(intake, stepped)
    means = _states(steps.mean, schedule, latest, mean_before, intake)
    covariances = _states(steps.covariance, schedule, latest, covariance_before, intake)
    predicted, variance = np.full(len(intake.time), np.nan), np.full(len(intake.time), np.nan)
    predicted[stepped] = np.where(steps.diverged, np.nan, steps.voltage)[schedule.slot]
    variance[stepped] = np.where(steps.diverged, np.nan, steps.variance)[schedule.slot]
    innovation = intake.voltage - predicted
    return FilterResult(means, covariances, predicted, innovation, variance, intake.outcome)


def _latest_scheduled(intake: Intake, stepped: Places) -> Places:
    """For each row, which of the scheduled rows of its battery is the latest up to it; -1 where none is."""
    latest = np.full(len(intake.time), -1, dtype=np.intp)
    latest[stepped] = np.arange(len(stepped))
    if len(stepped) < len(latest):
        latest = np.maximum.accumulate(latest)
        known = latest >= 0
        known[known] = intake.battery[stepped[latest[known]]] == intake.battery[known]
        latest[~known] = -1
    return latest


def _states(after: Floats, schedule: Schedule, latest: Places, before: Floats, intake: Intake) -> Floats:
    """A row of state for each row taken in."""
    known = latest >= 0
    if known.all():
        slots = schedule.slot[latest]
        in_order = len(slots) == after.shape[1] and np.array_equal(slots, np.arange(len(slots)))
        return after.T if in_order else after.T[slots]
    states = np.empty((len(latest), len(after)))
    states[known] = after.T[schedule.slot[latest[known]]]
    states[~known] = before.T[intake.battery[~known]]
    return states
