"""A forecast of energy by least squares: a trend, a term for each quarter of the day, and for each day of the week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energykit.quarters.rules import QUARTER_SECONDS

QUARTERS_A_DAY = 96
LEAST_QUARTERS = QUARTERS_A_DAY
WEEKS_FOR_DAYS = 3
DAY, WEEK = 86_400, 7 * 86_400
THURSDAY = 3  # 1970 began on one; weeks are counted from Monday


class TooLittleHistory(ValueError):
    """Fewer quarters than a day has."""

    def __init__(self, have: int) -> None:
        self.have, self.need = have, LEAST_QUARTERS
        super().__init__(f"There are {have} quarters before the window; {LEAST_QUARTERS} are needed.")


@dataclass(frozen=True)
class LinearModel:
    """kWh of a quarter: `level` + `trend`·(its start − `origin`) + terms of its place in the day and in the week."""

    origin: float
    level: float
    trend: float
    of_day: np.ndarray
    of_week: np.ndarray

    def __call__(self, start: np.ndarray) -> np.ndarray:
        """kWh of the quarters that begin then (Unix time, s), never below zero."""
        found = self.level + self.trend * (start - self.origin) + self.of_day[_of_day(start)]
        return np.maximum(found + self.of_week[_of_week(start)], 0.0)


def fitted(start: np.ndarray, energy: np.ndarray) -> LinearModel:
    """From quarters in order: `start` in s (Unix time), `energy` in kWh. Raises TooLittleHistory.

    A quarter of the day, or a day of the week, that never was there is taken to be like the mean of the others. The
    squares are least at an infinity of terms (each group of them holds a constant); the shortest is taken.
    """
    if len(start) < LEAST_QUARTERS:
        raise TooLittleHistory(len(start))
    origin = float(start.mean())
    scale = float(np.ptp(start)) or 1.0
    with_days = start[-1] + QUARTER_SECONDS - start[0] >= WEEKS_FOR_DAYS * WEEK
    groups = [_of_day(start)] + ([QUARTERS_A_DAY + _of_week(start)] if with_days else [])
    size = QUARTERS_A_DAY + 7 + 1
    time = (start - origin) / scale
    # Normal equations: a row of the design has a one in each group, so that its products are counts and sums.
    products, against = np.zeros((size, size)), np.zeros(size)
    centred = energy - (mean := float(energy.mean()))
    for group in groups:
        against += np.bincount(group, centred, size)
        products[:, -1] += np.bincount(group, time, size)
        for other in groups:
            np.add.at(products, (group, other), 1.0)
    products[-1] = products[:, -1]
    products[-1, -1] = time @ time
    against[-1] = time @ centred
    terms = np.linalg.lstsq(products, against, rcond=1e-12)[0]
    of_day, of_week = terms[:QUARTERS_A_DAY].copy(), terms[QUARTERS_A_DAY:-1].copy()
    _fill(of_day, groups[0])
    if with_days:
        _fill(of_week, groups[1] - QUARTERS_A_DAY)
    return LinearModel(origin, mean, float(terms[-1]) / scale, of_day, of_week)


def expected_energy(model: LinearModel, begin: float, end: float) -> float:
    """kWh from `begin` to `end` (Unix time, s); a quarter that lies there in part counts pro rata."""
    first = int(begin // QUARTER_SECONDS)
    start = np.arange(first, max(first, int(-(-end // QUARTER_SECONDS)))) * QUARTER_SECONDS
    inside = np.minimum(end, start + QUARTER_SECONDS) - np.maximum(begin, start)
    return float(model(start) @ np.maximum(inside, 0.0)) / QUARTER_SECONDS


def _fill(terms: np.ndarray, group: np.ndarray) -> None:
    there = np.zeros(len(terms), bool)
    there[group] = True
    terms[~there] = terms[there].mean()


def _of_day(start: np.ndarray) -> np.ndarray:
    found: np.ndarray = start % DAY // QUARTER_SECONDS
    return found


def _of_week(start: np.ndarray) -> np.ndarray:
    found: np.ndarray = (start // DAY + THURSDAY) % 7
    return found
