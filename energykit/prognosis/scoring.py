"""How a forecast has done against what was measured later."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from energykit.prognosis.health import LEVELS, HealthForecast

DAY = 86_400.0
HORIZON_EDGES_S = (0.0, 30 * DAY, 90 * DAY, 180 * DAY, 365 * DAY, 730 * DAY, np.inf)


@dataclass(frozen=True)
class Score:
    """Of the measurements within a span of horizons (seconds ahead, end not included); shares are 0..1.

    error: mean of truth minus median (above 0: healthier than forecast). absolute_error: its mean size.
    inside_50, inside_90: share of measurements between the 25 and 75, 5 and 95 % quantiles.
    pinball: mean pinball loss over the five levels, in SOH; the smaller the better, for sharpness and honesty both.
    """

    from_s: float
    to_s: float
    count: int
    error: float
    absolute_error: float
    inside_50: float
    inside_90: float
    pinball: float


def score(
    forecast: HealthForecast,
    truth_ahead_s: ArrayLike,
    truth_soh: ArrayLike,
    edges_s: tuple[float, ...] = HORIZON_EDGES_S,
) -> list[Score]:
    """One score for each span of horizons that has measurements; those beyond the forecast's end are left out."""
    ahead, truth = np.asarray(truth_ahead_s, float), np.asarray(truth_soh, float)
    known = (ahead >= forecast.ahead_s[0]) & (ahead <= forecast.ahead_s[-1]) & np.isfinite(truth)
    ahead, truth = ahead[known], truth[known]
    quantiles = quantiles_at(forecast, ahead)
    span = np.searchsorted(edges_s, ahead, side="right") - 1
    return [
        score_of(quantiles[:, span == place], truth[span == place], edges_s[place], edges_s[place + 1])
        for place in range(len(edges_s) - 1)
        if np.any(span == place)
    ]


def quantiles_at(forecast: HealthForecast, ahead_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(5, m) between the forecast's points linearly."""
    return np.array([np.interp(ahead_s, forecast.ahead_s, soh) for soh in forecast.quantiles])


def score_of(quantiles: NDArray[np.float64], truth: NDArray[np.float64], from_s: float, to_s: float) -> Score:
    """Of measurements (m,) against their quantiles (5, m), m ≥ 1."""
    lowest, low, median, high, highest = quantiles
    error = truth - median
    return Score(
        from_s,
        to_s,
        len(truth),
        float(np.mean(error)),
        float(np.mean(np.abs(error))),
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.mean((lowest <= truth) & (truth <= highest))),
        float(np.mean(pinball_loss(quantiles, truth))),
    )


def pinball_loss(quantiles: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) mean over the levels of max(p·(y − q), (p − 1)·(y − q)): Koenker and Bassett, Econometrica 46 (1978) 33."""
    level = np.array(LEVELS)[:, None]
    error = truth - quantiles
    return np.mean(np.maximum(level * error, (level - 1) * error), axis=0)
