"""Few points that say what a long history says, and how much they really say."""

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.health import HealthHistory

MOST_POINTS = 60
SMALLEST_SD = 1e-3  # of SOH; no estimate is surer, whatever it says
ROUNDING = 1e-6  # of SOH; smaller errors have no pattern worth looking at


def thinned(history: HealthHistory, most: int = MOST_POINTS) -> HealthHistory:
    """At most so many points: medians over equal spans of time, so that one wild estimate moves nothing.

    Estimates of a filter come by the thousand and err together: each is the last one and a little news. Keeping all of
    them would only feign certainty, so a span counts as one estimate with the deviation that its members have.
    """
    if len(history) <= most:
        return history
    span = np.linspace(history.time_s[0], history.time_s[-1], most + 1)
    edges = np.unique(np.searchsorted(history.time_s, span[1:-1]))
    parts = [rows for rows in np.split(np.arange(len(history)), edges) if len(rows)]
    first, last = np.array([rows[0] for rows in parts]), np.array([rows[-1] for rows in parts])

    part = np.repeat(np.arange(len(parts)), last - first + 1)

    def medians(column: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = column[np.lexsort((column, part))]
        return (ordered[(first + last) // 2] + ordered[(first + last + 1) // 2]) / 2

    moved = None if history.throughput_ah is None else medians(history.throughput_ah)
    return HealthHistory(medians(history.time_s), medians(history.soh), medians(history.soh_sd), moved)


def median(values: NDArray[np.float64]) -> float:
    """As numpy's, at a tenth of its cost for a handful of values."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def weights(history: HealthHistory) -> NDArray[np.float64]:
    """(n,) by the estimates' own deviations, the median one counting 1 and none more: only doubt is believed."""
    usual = max(median(history.soh_sd), SMALLEST_SD)
    return (usual / np.maximum(history.soh_sd, usual)) ** 2


def share_of_news(residual: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, 1) effective over nominal number of points, (1 − φ)/(1 + φ) for errors with autocorrelation φ at lag 1.

    residual: (k, n), 0 outside of a stretch of so many points as `count` (k, 1) says.

    Bayley and Hammersley, "The effective number of independent observations in an autocorrelated time series", Suppl.
    J. R. Stat. Soc. 8 (1946) 184.
    """
    power = np.sum(residual**2, axis=1, keepdims=True)
    is_told = (count >= 4) & (power > count * ROUNDING**2)
    alike = np.sum(residual[:, 1:] * residual[:, :-1], axis=1, keepdims=True)
    phi = np.clip(np.divide(alike, power, out=np.zeros_like(power), where=is_told), 0.0, 0.9)
    return np.asarray((1.0 - phi) / (1.0 + phi))
