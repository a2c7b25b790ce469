"""Between which bounds the mean NIS of a window lies, where a filter is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEVIATIONS = 2.5758293035489004  # of a normal distribution, so that 99 % lie within
FEWEST_EFFECTIVE_ROWS = 10.0  # a bound on how far autocorrelation widens the band: else nothing would ever be outside


def effective_rows(rows: Floats, autocorrelation: Floats) -> Floats:
    """How many independent rows say as much about a mean of squares as these.

    Squares of an AR(1) series with correlation r are correlated by r² (Isserlis' theorem), and the variance of a mean
    of n values with lag correlations ρ^k is that of n·(1 − ρ)/(1 + ρ) independent ones (Bartlett 1946, eq. 5, for large
    n), so ρ = r². A filter without fault has no autocorrelation; one of a real cell has, being too simple a model.
    """
    squared = np.square(autocorrelation)
    effective: Floats = np.clip(rows * (1.0 - squared) / (1.0 + squared), FEWEST_EFFECTIVE_ROWS, rows)
    return effective


def band_of_mean_nis(rows: Floats) -> tuple[Floats, Floats]:
    """The 99 % band of a mean of so many independent squares: quantiles of χ² over its degrees of freedom.

    By Wilson and Hilferty's cube root (Proc. Natl. Acad. Sci. 17 (1931) 684), which is within 3 % from 10 rows on.

    >>> low, high = band_of_mean_nis(np.array(100.0))
    >>> f"{low:.3f} to {high:.3f}"
    '0.673 to 1.402'
    """
    spread = 2.0 / (9.0 * rows)
    low: Floats = (1.0 - spread - DEVIATIONS * np.sqrt(spread)) ** 3
    high: Floats = (1.0 - spread + DEVIATIONS * np.sqrt(spread)) ** 3
    return low, high
