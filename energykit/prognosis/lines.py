"""Straight lines through estimates of health, and how far another estimate may lie from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.thinning import share_of_news

Column = NDArray[np.float64]

PRIOR_DEGREES = 2.0  # for so many residuals counts what is usual
HUBER = 2.0  # beyond so many deviations a residual pulls no harder
SMALLEST_SCATTER = 1e-6


@dataclass(frozen=True)
class Lines:
    """SOH = level + slope · (g − centre), k lines, each field (k, 1); a slope above 0 is taken as 0, for health does
    not come back.

    scatter: variance of one estimate around a line. degrees: degrees of freedom of that.
    level_variance, slope_variance: of the two parameters, independent of each other at the centre.
    """

    centre: Column
    level: Column
    slope: Column
    scatter: Column
    degrees: Column
    level_variance: Column
    slope_variance: Column

    def mean(self, g: Column) -> Column:
        """(k, m) at g (k, m)."""
        return self.level + self.slope * (g - self.centre)

    def variance(self, g: Column) -> Column:
        """(k, m), of one more estimate at g: of the parameters and of the estimate itself."""
        return self.scatter + self.level_variance + self.slope_variance * (g - self.centre) ** 2


def fitted_lines(g: Column, soh: Column, weight: Column, usual_sd: Column) -> Lines:
    """Weighted least squares, with Huber's weights for what lies far off; the g of a line must differ.

    g: (k, n). soh: (n,). weight: (k, n); a line sees the points, in one stretch, to which it gives weight above 0.
    usual_sd: (k, 1) of an estimate, until its own residuals tell more: it counts like PRIOR_DEGREES of them.
    Errors of neighbours are alike (see `share_of_news`), so the points count as fewer than they are.
    """
    seen = weight > 0
    count = np.sum(seen, axis=1, keepdims=True)
    centre, level, slope, spread = _least_squares(g, soh, weight)
    for _ in range(2):
        residual = np.abs(soh - level - slope * (g - centre))
        allowed = HUBER * (1.4826 * _medians(residual, seen, count) + SMALLEST_SCATTER)
        weighed = weight * allowed / np.maximum(residual, allowed)
        centre, level, slope, spread = _least_squares(g, soh, weighed)
    residual = np.where(seen, soh - level - slope * (g - centre), 0.0)
    total = _sum(weighed)
    effective = np.maximum(count * share_of_news(residual, count), 2.0)
    degrees = effective - 2.0 + PRIOR_DEGREES
    own = _sum(weighed * residual**2) / total * effective
    scatter = (own + PRIOR_DEGREES * usual_sd**2) / degrees
    inflated = scatter * count / effective
    return Lines(centre, level, np.minimum(slope, 0.0), scatter, degrees, inflated / total, inflated / spread)


def _least_squares(g: Column, soh: Column, weight: Column) -> tuple[Column, Column, Column, Column]:
    total = _sum(weight)
    centre, level = _sum(weight * g) / total, _sum(weight * soh) / total
    weighed = weight * (g - centre)
    spread = _sum(weighed * (g - centre))
    return centre, level, _sum(weighed * soh) / spread, spread


def _medians(values: Column, seen: NDArray[np.bool_], count: NDArray[np.int64]) -> Column:
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    below, above = (np.take_along_axis(ordered, place, axis=1) for place in ((count - 1) // 2, count // 2))
    return np.asarray((below + above) / 2)


def _sum(values: Column) -> Column:
    return np.asarray(np.sum(values, axis=1, keepdims=True))
