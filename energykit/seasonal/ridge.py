"""Ridge regression of many series on the same columns, each with its own holes, the past forgotten little by little."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Matrix = NDArray[np.float64]

HALF_LIFE = 28 * 96  # quarters after which an observation counts half
LARGEST_CORRELATION = 0.98
LARGEST_SHARE = 0.3  # beyond which the penalties, and not the observations, say how many columns there really are


@dataclass(frozen=True)
class Fit:
    """Of n series, T quarters, p columns.

    coefficients: (n, p). residuals: (n, T), NaN where there is no observation. correlation: (n,) of a residual with the
    one before it, 0 to 0.98. lag: (n,) quarters since the last observation, 0 if it is the last quarter. latest:
    (n,) its residual. widening: (n,) by which the square of an error ahead is larger than that of a residual.
    """

    coefficients: Matrix
    residuals: Matrix
    correlation: Matrix
    lag: NDArray[np.int64]
    latest: Matrix
    widening: Matrix

    def carried(self, steps: NDArray[np.int64]) -> Matrix:
        """(n, m): what is left of the latest residual so many quarters after the last quarter of the history."""
        fading: Matrix = self.correlation[:, None] ** (self.lag[:, None] + steps)
        return fading * self.latest[:, None]


def fit(observed: Matrix, columns: Matrix, penalty: Matrix) -> Fit:
    """observed: (n, T), NaN for none. columns: (T, p). penalty: (p,), in observations.

    Series with the same holes share one factorisation (those without any are most of a fleet).
    """
    there = np.isfinite(observed)
    weights = 0.5 ** (np.arange(observed.shape[1])[::-1] / HALF_LIFE)
    weighted = columns * weights[:, None]
    moments = np.where(there, observed, 0.0) @ weighted
    coefficients = np.empty((len(observed), columns.shape[1]))
    patterns, which = np.unique(np.packbits(there, axis=1), axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(which.ravel(), minlength=len(patterns)))[:-1]):
        rows = there[members[0]]
        gram = weighted[rows].T @ columns[rows] if not rows.all() else weighted.T @ columns
        factor = cho_factor(gram + np.diag(penalty + 1e-9))
        coefficients[members] = cho_solve(factor, moments[members].T).T
    residuals = observed - coefficients @ columns.T
    last = there.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    count = there.sum(axis=1)
    correlation = _correlation(residuals)
    return Fit(
        coefficients=coefficients,
        residuals=residuals,
        correlation=correlation,
        lag=there.shape[1] - 1 - last,
        latest=np.where(count > 0, residuals[np.arange(len(residuals)), last], 0.0),
        widening=_widening(count, columns.shape[1], correlation),
    )


def _widening(count: NDArray[np.int64], columns: int, correlation: Matrix) -> Matrix:
    """(1 + p/n) / (1 - p/n): a fit of p columns takes p/n of the variance out of its residuals and adds as much ahead.

    n counts what neighbours that go together are worth, (1 - φ) / (1 + φ) of an observation each.
    """
    worth = count * (1 - correlation) / (1 + correlation)
    share = np.minimum(columns / np.maximum(worth, 1.0), LARGEST_SHARE)
    return (1 + share) / (1 - share)


def _correlation(residuals: Matrix) -> Matrix:
    before, after = residuals[:, :-1], residuals[:, 1:]
    both = np.isfinite(before) & np.isfinite(after)
    before, after = np.where(both, before, 0.0), np.where(both, after, 0.0)
    square = np.einsum("nt,nt->n", before, before)
    product = np.einsum("nt,nt->n", before, after)
    safe = np.where(square > 0, square, 1.0)
    return np.clip(np.where(square > 0, product / safe, 0.0), 0.0, LARGEST_CORRELATION)
