"""Forecasts made again from earlier days with what was known then, and how far off they were."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# From a history (n, T), the quarter that its first column is, and quarters ahead, to a mean (n, m).
Model = Callable[[Matrix, int, int], Matrix]


@dataclass(frozen=True)
class Score:
    """Of n series, over all origins: mean absolute error of a quarter, and of the horizon's sum; NaN for none."""

    quarter_error: Matrix
    total_error: Matrix
    origins: int


def rolling_scores(
    observed: Matrix, first_quarter: int, ahead: int, model: Model, *, origins: int = 4, fewest: int = 96
) -> Score:
    """The last `origins` windows of `ahead` quarters, each forecast from what came before it.

    No origin lies where less than half of the columns, or fewer than `fewest`, come before it.
    """
    length = observed.shape[1]
    starts = [length - ahead * (1 + back) for back in range(origins)]
    starts = [start for start in starts if start >= max(fewest, length // 2)]
    quarter, total = [], []
    for start in starts:
        truth = observed[:, start : start + ahead]
        guess = model(observed[:, :start], first_quarter, ahead)
        there = np.isfinite(truth)
        error = np.where(there, truth - guess, 0.0)
        count = there.sum(axis=1)
        known = count > 0
        quarter.append(np.where(known, np.abs(error).sum(axis=1) / np.maximum(count, 1), np.nan))
        total.append(np.where(known, np.abs(error.sum(axis=1)), np.nan))
    if not starts:
        none = np.full(len(observed), np.nan)
        return Score(none, none.copy(), 0)
    return Score(_mean(np.stack(quarter)), _mean(np.stack(total)), len(starts))


def _mean(values: Matrix) -> Matrix:
    there = np.isfinite(values)
    count = there.sum(axis=0)
    summed = np.where(there, values, 0.0).sum(axis=0)
    return np.where(count > 0, summed / np.maximum(count, 1), np.nan)
