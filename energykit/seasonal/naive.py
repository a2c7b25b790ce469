"""What any model of a load has to beat: the same quarter a week ago."""

import numpy as np
from numpy.typing import NDArray

from energykit.seasonal.terms import QUARTERS_A_DAY, QUARTERS_A_WEEK


def as_a_week_ago(observed: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
    """(n, m): the newest observation of the same quarter of the week; where there is none, of the day; else the mean.

    observed: (n, T), NaN for none.
    """
    guess = np.full((len(observed), ahead), np.nan)
    for period in (QUARTERS_A_WEEK, QUARTERS_A_DAY):
        newest = np.full((len(observed), period), np.nan)
        length = observed.shape[1]
        for start in range(length % period - period, length, period):
            part = observed[:, max(0, start) : start + period]  # the first is cut short
            here = newest[:, period - part.shape[1] :]
            np.copyto(here, part, where=np.isfinite(part))
        guess = np.where(np.isfinite(guess), guess, newest[:, np.arange(ahead) % period])
    return np.where(np.isfinite(guess), guess, np.nanmean(observed, axis=1)[:, None])
