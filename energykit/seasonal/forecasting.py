"""Quarters ahead of many series, each quarter and their sum with a band of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from energykit.seasonal import terms
from energykit.seasonal.errors import TooLittleHistory
from energykit.seasonal.ridge import LARGEST_SHARE, Fit, fit

Matrix = NDArray[np.float64]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST = terms.QUARTERS_A_DAY
ZONES = 12  # of a day, each with a spread of its own: two hours
ZONE_PRIOR = 8.0  # observations of the whole day's spread that a zone begins with
PORTION = 256  # series at once, so that their residuals stay in the processor's cache
ORIGINS = 4  # from which whole windows are forecast again
SHARE_OF_A_WINDOW = 4  # a window longer than a quarter of the history is judged by shorter ones,
GROWTH = 1.5  # whose variance grows with the length: by 1 if windows were independent, by 2 if they were one


@dataclass(frozen=True)
class QuarterForecast:
    """Of n series and m quarters ahead, in the unit of the history.

    mean: (n, m). quantiles: (n, m, 5) at LEVELS. total: (n,) sum of the means. total_quantiles: (n, 5); errors of
    neighbouring quarters go together, so the band of a sum is neither the sum of bands nor that of independent ones.
    """

    mean: Matrix
    quantiles: Matrix
    total: Matrix
    total_quantiles: Matrix


def forecast(observed: Matrix, first_quarter: int, ahead: int) -> QuarterForecast:
    """The `ahead` quarters that follow the history.

    observed: (n, T), NaN where nothing is known. first_quarter: of column 0, counted from 1970-01-01 00:00 UTC. A
    history without negative values has none ahead of it. TooLittleHistory where a series has less than a day.
    """
    count = np.isfinite(observed).sum(axis=1)
    if not len(count) or count.min() < FEWEST:
        raise TooLittleHistory(int(count.min()) if len(count) else 0, FEWEST)
    portions = [
        _portion(observed[start : start + PORTION], first_quarter, ahead) for start in range(0, len(observed), PORTION)
    ]
    return QuarterForecast(*(np.concatenate(parts) for parts in zip(*map(_fields, portions), strict=True)))


def _fields(portion: QuarterForecast) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    return portion.mean, portion.quantiles, portion.total, portion.total_quantiles


def _portion(observed: Matrix, first_quarter: int, ahead: int) -> QuarterForecast:
    size = np.maximum(np.nanmax(np.abs(observed), axis=1), 1e-300)  # so that penalties mean the same to all
    scaled = observed / size[:, None]
    length = observed.shape[1]
    quarters = first_quarter + np.arange(length + ahead, dtype=np.int64)
    weekly = length >= terms.WEEKS_FOR_A_WEEK * terms.QUARTERS_A_WEEK
    columns = terms.design(quarters, weekly)
    found = fit(scaled, columns[:length], terms.penalties(weekly))
    steps = np.arange(1, ahead + 1)
    mean = found.coefficients @ columns[length:].T + found.carried(steps)
    quantiles = mean[:, :, None] + _spread(found, quarters, steps)
    total = mean.sum(axis=1)
    variance, degrees = _variance_of_totals(scaled, columns[:length], weekly, found, ahead)
    total_quantiles = total[:, None] + np.sqrt(variance)[:, None] * stdtrit(degrees, np.array(LEVELS))
    floor = np.where(np.nanmin(observed, axis=1) >= 0, 0.0, -np.inf)
    mean = np.maximum(mean, floor[:, None])
    return QuarterForecast(
        mean=mean * size[:, None],
        quantiles=np.maximum(quantiles, floor[:, None, None]) * size[:, None, None],
        total=mean.sum(axis=1) * size,
        total_quantiles=np.maximum(total_quantiles, floor[:, None]) * size[:, None],
    )


def _spread(found: Fit, quarters: NDArray[np.int64], steps: NDArray[np.int64]) -> Matrix:
    """(n, m, 5): quantiles of an error, from residuals of that time of day, narrower while the last is felt."""
    residuals = found.residuals
    zone = quarters % terms.QUARTERS_A_DAY * ZONES // terms.QUARTERS_A_DAY
    past, ahead = zone[: residuals.shape[1]], zone[residuals.shape[1] :]
    there = np.isfinite(residuals)
    squares = np.where(there, residuals, 0.0) ** 2
    of_zone = np.eye(ZONES)[past]
    count = there.astype(float) @ of_zone
    whole = squares.sum(axis=1) / there.sum(axis=1)
    deviation = np.sqrt((squares @ of_zone + ZONE_PRIOR * whole[:, None]) / (count + ZONE_PRIOR))
    safe = np.where(deviation > 0, deviation, 1.0)
    levels = _quantiles(residuals / safe[:, past])
    felt = np.sqrt(1 - found.correlation[:, None] ** (2 * (found.lag[:, None] + steps)))
    width = deviation[:, ahead] * felt * np.sqrt(found.widening)[:, None]
    return width[:, :, None] * levels[:, None, :]


def _quantiles(values: Matrix) -> Matrix:
    """(n, 5): quantiles at LEVELS of what is finite in each row; numpy's own for NaN takes twenty times as long."""
    ordered = np.sort(values, axis=1)  # NaN last
    place = np.array(LEVELS) * (np.isfinite(values).sum(axis=1)[:, None] - 1)
    below = np.floor(place).astype(int)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, np.ceil(place).astype(int), axis=1)
    mixed: Matrix = low + (high - low) * (place - below)
    return mixed


def _variance_of_totals(scaled: Matrix, columns: Matrix, weekly: bool, found: Fit, ahead: int) -> tuple[Matrix, float]:
    """(n,) and degrees of freedom: squares of the errors of whole windows in the past.

    Those inside the fit are many and too small; those forecast again from earlier origins are honest and few: both are
    put together, each counting as many as are independent.
    """
    length = scaled.shape[1]
    window = max(1, min(ahead, length // SHARE_OF_A_WINDOW))
    inside = _widening_of_sums(length, window, weekly) * _squares_inside(found, window)
    windows = length / window
    outside = []
    for origin in range(length - window, length // 2, -max(window, (length // 2) // ORIGINS))[:ORIGINS]:
        if np.isfinite(scaled[:, :origin]).sum(axis=1).min() < FEWEST:
            break
        again = fit(scaled[:, :origin], columns[:origin], terms.penalties(weekly))
        guess = again.coefficients @ columns[origin : origin + window].T + again.carried(np.arange(1, window + 1))
        outside.append(_mean_error(scaled[:, origin : origin + window] - guess) * window)
    if outside:
        errors = np.stack(outside, axis=1)
        known = np.isfinite(errors).sum(axis=1)
        squares = np.where(np.isfinite(errors), errors, 0.0) ** 2
        variance = (windows * inside + squares.sum(axis=1)) / (windows + known)
    else:
        variance = inside
    grown: Matrix = variance * (ahead / window) ** GROWTH
    return grown, max(2.0, windows + len(outside) - 1)


def _widening_of_sums(length: int, window: int, weekly: bool) -> float:
    """By which the square of an error ahead is larger than that of a window's summed residuals.

    A wave of frequency f takes L²·sinc²(f·L)/T of the noise's variance out of sums of L of T
    quarters, which have L of it.
    """
    share = window / length * float((np.sinc(terms.frequencies(weekly) * window) ** 2).sum())
    share = min(share, LARGEST_SHARE)
    return (1 + share) / (1 - share)


def _squares_inside(found: Fit, window: int) -> Matrix:
    """(n,): mean square of a window's summed residuals, the residual before it being known."""
    residuals = found.residuals
    stride = max(1, min(window, terms.QUARTERS_A_DAY // 4))
    starts = np.arange(1, residuals.shape[1] - window + 1, stride)
    there = np.isfinite(residuals)
    zero = np.zeros((len(residuals), 1))
    sums = np.concatenate([zero, np.cumsum(np.where(there, residuals, 0.0), axis=1)], axis=1)
    counts = np.concatenate([zero, np.cumsum(there, axis=1)], axis=1)
    count = counts[:, starts + window] - counts[:, starts]
    phi = found.correlation[:, None]
    fading = phi * (1 - phi**window) / (1 - phi)
    before = np.where(there[:, starts - 1], residuals[:, starts - 1], 0.0)
    whole = count >= window / 2
    error = (sums[:, starts + window] - sums[:, starts]) * window / np.maximum(count, 1) - fading * before
    return (np.where(whole, error, 0.0) ** 2).sum(axis=1) / np.maximum(whole.sum(axis=1), 1)


def _mean_error(errors: Matrix) -> Matrix:
    """(n,): mean over the quarters that are known, NaN where fewer than half are."""
    there = np.isfinite(errors)
    count = there.sum(axis=1)
    mean = np.where(there, errors, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= errors.shape[1] / 2, mean, np.nan)
