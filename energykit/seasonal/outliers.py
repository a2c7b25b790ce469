"""Quarters that are unlike the same time of other days."""

import numpy as np
from numpy.typing import NDArray

from energykit.seasonal.terms import QUARTERS_A_DAY

FEWEST_DAYS = 4
DEVIATIONS = 6.0
NEAR_BY = 4  # quarters to either side
LEAST = 0.05  # of the median load
SATURDAY = 5
FIRST_DAY = 3  # 1970-01-01 was a Thursday; Mondays are 0
NORMAL = 1.4826  # median absolute deviation of a normal distribution, in its standard deviations, inverted


def outlying(observed: NDArray[np.float64], first_quarter: int) -> NDArray[np.bool_]:
    """(T,): further from the median of its quarter of the day than six robust standard deviations.

    observed: (T,), NaN for none. first_quarter: of column 0, counted from 1970-01-01 00:00 UTC. Working days are held
    against working days, Saturdays and Sundays against those. The deviation is 1.4826 times the median of what the
    quarters within an hour of that time of day differ from their medians by, and a twentieth of the median load at
    least. Where there are less than four such days nothing is outlying.
    """
    days = -(-len(observed) // QUARTERS_A_DAY)
    table = np.full((days, QUARTERS_A_DAY), np.nan)
    table.ravel()[: len(observed)] = observed
    found = np.zeros(table.shape, bool)
    is_weekend = (first_quarter // QUARTERS_A_DAY + np.arange(days) + FIRST_DAY) % 7 >= SATURDAY
    for alike in (np.flatnonzero(~is_weekend), np.flatnonzero(is_weekend)):
        found[alike] = _unlike(table[alike])
    return found.ravel()[: len(observed)]


def _unlike(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(days, quarters of a day), of days that should be alike."""
    found = np.zeros(table.shape, bool)
    enough = np.isfinite(table).sum(axis=0) >= FEWEST_DAYS
    if not enough.any():
        return found
    median = np.full(QUARTERS_A_DAY, np.nan)
    median[enough] = np.nanmedian(table[:, enough], axis=0)
    away = np.abs(table - median)
    least = LEAST * abs(float(np.nanmedian(table)))
    for quarter in np.flatnonzero(enough):
        near = (quarter + np.arange(-NEAR_BY, NEAR_BY + 1)) % QUARTERS_A_DAY
        deviation = max(NORMAL * float(np.nanmedian(away[:, near])), least)
        found[:, quarter] = away[:, quarter] > DEVIATIONS * deviation  # NaN is not
    return found
