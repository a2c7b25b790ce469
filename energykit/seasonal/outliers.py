"""Quarters that are unlike the same time of other days."""

import numpy as np
from numpy.typing import NDArray

from energykit.seasonal.terms import QUARTERS_A_DAY

FEWEST_DAYS = 4
DEVIATIONS = 6.0
NORMAL = 1.4826  # median absolute deviation of a normal distribution, in its standard deviations, inverted


def outlying(observed: NDArray[np.float64], first_quarter: int) -> NDArray[np.bool_]:
    """(T,): further from the median of its quarter of the day than six robust standard deviations.

    observed: (T,), NaN for none. first_quarter: of column 0, counted from 1970-01-01 00:00 UTC. The deviation is of all
    quarters together (1.4826 times the median of what they differ from their medians by, and a hundredth of the median
    load at least); nothing is outlying in less than four days.
    """
    found = np.zeros(len(observed), bool)
    days = -(-len(observed) // QUARTERS_A_DAY)
    if days < FEWEST_DAYS or not np.isfinite(observed).any():
        return found
    table = np.full((days, QUARTERS_A_DAY), np.nan)
    table.ravel()[: len(observed)] = observed
    median = np.full(QUARTERS_A_DAY, np.nan)
    enough = np.isfinite(table).sum(axis=0) >= FEWEST_DAYS
    median[enough] = np.nanmedian(table[:, enough], axis=0)
    away = np.abs(table - median).ravel()[: len(observed)]
    known = np.isfinite(away)
    if not known.any():
        return found
    deviation = max(NORMAL * float(np.median(away[known])), 0.01 * abs(float(np.nanmedian(observed))))
    found[known] = away[known] > DEVIATIONS * deviation
    return found
