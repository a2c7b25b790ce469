"""Models of many assets at once: from quarters that are known to those that follow, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.quarters import QUARTER_SECONDS, linear
from energykit.seasonal import as_a_week_ago, forecast, rolling_scores
from fleet.forecasting.names import AUTO, LINEAR, SEASONAL, WEEK

Matrix = NDArray[np.float64]

LOWEST, HIGHEST = 0, 4  # of energykit.seasonal.LEVELS: 5 and 95 %
ORIGINS = 3


@dataclass(frozen=True)
class Foretold:
    """Of n assets and m quarters, kWh.

    expected: (n, m). low, high: (n, m) its 90 % band, NaN of a model that tells none; total, total_low, total_high:
    (n,) of the sum. model: n names, of the models that made them.
    """

    model: list[str]
    expected: Matrix
    low: Matrix
    high: Matrix
    total: Matrix
    total_low: Matrix
    total_high: Matrix


Batch = Callable[[Matrix, int, int], Foretold]


def foretell(model: str, observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    """What follows `observed`: (n, T) kWh, NaN where nothing is known; each with a day at least.

    first_quarter: of column 0, counted from 1970-01-01 00:00 UTC.
    """
    return BATCHES[model](observed, first_quarter, ahead)


def back_tested(observed: Matrix, first_quarter: int, ahead: int) -> dict[str, Matrix]:
    """By model, (n,): mean absolute error of a quarter, forecast again from earlier days; NaN where none could be."""
    return {
        name: rolling_scores(
            observed, first_quarter, ahead, _mean_of(name), origins=ORIGINS, fewest=linear.LEAST_QUARTERS
        ).quarter_error
        for name in TRIED
    }


def best_of(errors: dict[str, Matrix]) -> list[str]:
    """The model of the smallest error of each asset; seasonal where nothing could be tried."""
    names = list(errors)
    table = np.stack([errors[name] for name in names])
    known = np.all(np.isfinite(table), axis=0)
    best = np.argmin(np.where(np.isfinite(table), table, np.inf), axis=0)
    return [names[which] if sure else SEASONAL for which, sure in zip(best, known, strict=True)]


def _mean_of(name: str) -> Callable[[Matrix, int, int], Matrix]:
    def mean(observed: Matrix, first_quarter: int, ahead: int) -> Matrix:
        enough = np.isfinite(observed).sum(axis=1) >= linear.LEAST_QUARTERS
        found = np.full((len(observed), ahead), np.nan)
        if enough.any():
            found[enough] = BATCHES[name](observed[enough], first_quarter, ahead).expected
        return found

    return mean


def _seasonal(observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    found = forecast(observed, first_quarter, ahead)
    return Foretold(
        [SEASONAL] * len(observed),
        found.mean,
        found.quantiles[:, :, LOWEST],
        found.quantiles[:, :, HIGHEST],
        found.total,
        found.total_quantiles[:, LOWEST],
        found.total_quantiles[:, HIGHEST],
    )


def _linear(observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    start = (first_quarter + np.arange(observed.shape[1] + ahead)) * QUARTER_SECONDS
    past, future = np.split(start, [observed.shape[1]])
    fits: dict[bytes, linear.LinearFit] = {}  # by which quarters are known: mostly the same for all
    means = []
    for series, there in zip(observed, np.isfinite(observed), strict=True):
        known = there.tobytes()
        if known not in fits:
            fits[known] = linear.LinearFit(past[there])
        means.append(fits[known](series[there])(future))
    return _without_band(LINEAR, np.array(means))


def _week(observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    return _without_band(WEEK, as_a_week_ago(observed, ahead))


def _without_band(name: str, expected: Matrix) -> Foretold:
    unknown = np.full_like(expected, np.nan)
    none = np.full(len(expected), np.nan)
    return Foretold([name] * len(expected), expected, unknown, unknown, expected.sum(axis=1), none, none)


def _auto(observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    return the_best(best_of(back_tested(observed, first_quarter, ahead)), observed, first_quarter, ahead)


def the_best(chosen: list[str], observed: Matrix, first_quarter: int, ahead: int) -> Foretold:
    """Each asset by the model that was chosen for it."""
    count = len(observed)
    found = Foretold(
        chosen, *(np.full((count, ahead), np.nan) for _ in range(3)), *(np.full(count, np.nan) for _ in range(3))
    )
    for name in set(chosen):
        members = np.array([each == name for each in chosen])
        part = BATCHES[name](observed[members], first_quarter, ahead)
        for field in ("expected", "low", "high", "total", "total_low", "total_high"):
            getattr(found, field)[members] = getattr(part, field)
    return found


TRIED = (SEASONAL, LINEAR, WEEK)
BATCHES: dict[str, Batch] = {LINEAR: _linear, SEASONAL: _seasonal, WEEK: _week, AUTO: _auto}
