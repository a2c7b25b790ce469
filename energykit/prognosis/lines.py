"""A straight line through estimates of health, and how far another estimate may lie from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.thinning import median, share_of_news

Column = NDArray[np.float64]

PRIOR_DEGREES = 2.0  # for so many residuals counts what is usual
HUBER = 2.0  # beyond so many deviations a residual pulls no harder
SMALLEST_SCATTER = 1e-6


@dataclass(frozen=True)
class Line:
    """SOH = level + slope · (g − centre); a slope above 0 is taken as 0, for health does not come back.

    scatter: variance of one estimate around it. degrees: degrees of freedom of that.
    level_variance, slope_variance: of the two parameters, independent of each other at the centre.
    """

    centre: float
    level: float
    slope: float
    scatter: float
    degrees: float
    level_variance: float
    slope_variance: float

    def mean(self, g: Column) -> Column:
        return self.level + self.slope * (g - self.centre)

    def variance(self, g: Column) -> Column:
        """Of one more estimate at g: of the parameters and of the estimate itself."""
        return self.scatter + self.level_variance + self.slope_variance * (g - self.centre) ** 2


def fitted_line(g: Column, soh: Column, weight: Column, usual_sd: float) -> Line:
    """Weighted least squares, with Huber's weights for what lies far off; the g must differ.

    usual_sd: of an estimate, until its own residuals tell more: it counts like PRIOR_DEGREES of them.
    Errors of neighbours are alike (see `share_of_news`), so the points count as fewer than they are.
    """
    centre, level, slope, spread = _least_squares(g, soh, weight)
    for _ in range(2):
        residual = np.abs(soh - level - slope * (g - centre))
        allowed = HUBER * (1.4826 * median(residual) + SMALLEST_SCATTER)
        weighed = weight * allowed / np.maximum(residual, allowed)
        centre, level, slope, spread = _least_squares(g, soh, weighed)
    residual = soh - level - slope * (g - centre)
    total = float(weighed.sum())
    effective = max(len(g) * share_of_news(residual), 2.0)
    degrees = effective - 2.0 + PRIOR_DEGREES
    own = float(weighed @ residual**2) / total * effective
    scatter = (own + PRIOR_DEGREES * usual_sd**2) / degrees
    inflated = scatter * len(g) / effective
    return Line(centre, level, min(slope, 0.0), scatter, degrees, inflated / total, inflated / spread)


def _least_squares(g: Column, soh: Column, weight: Column) -> tuple[float, float, float, float]:
    total = float(weight.sum())
    centre, level = float(weight @ g) / total, float(weight @ soh) / total
    weighed = weight * (g - centre)
    spread = float(weighed @ (g - centre))
    return centre, level, float(weighed @ soh) / spread, spread
