"""A forecast of energy by least squares: a trend, a term for each quarter of the day, and for each day of the week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energykit.quarters.rules import QUARTER_SECONDS

QUARTERS_A_DAY = 96
LEAST_QUARTERS = QUARTERS_A_DAY
TERMS = QUARTERS_A_DAY + 7 + 1  # of the day, of the week, the trend
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


class LinearFit:
    """What all series that are known in the same quarters have in common: the solved half of their least squares.

    A quarter of the day, or a day of the week, that never was there is taken to be like the mean of the others. The
    squares are least at an infinity of terms (each group of them holds a constant); the shortest is taken.
    """

    def __init__(self, start: np.ndarray) -> None:
        """`start` of the quarters in order, s (Unix time). Raises TooLittleHistory."""
        if len(start) < LEAST_QUARTERS:
            raise TooLittleHistory(len(start))
        self._origin = float(start.mean())
        self._scale = float(np.ptp(start)) or 1.0
        with_days = start[-1] + QUARTER_SECONDS - start[0] >= WEEKS_FOR_DAYS * WEEK
        self._groups = [_of_day(start)] + ([QUARTERS_A_DAY + _of_week(start)] if with_days else [])
        self._time = (start - self._origin) / self._scale
        # Normal equations: a row of the design has a one in each group, so that its products are counts and sums.
        products = np.zeros((TERMS, TERMS))
        for group in self._groups:
            products[:, -1] += np.bincount(group, self._time, TERMS)
            for other in self._groups:
                np.add.at(products, (group, other), 1.0)
        products[-1] = products[:, -1]
        products[-1, -1] = self._time @ self._time
        self._inverse = np.linalg.pinv(products, rcond=1e-12, hermitian=True)

    def __call__(self, energy: np.ndarray) -> LinearModel:
        """Of one series, kWh."""
        centred = energy - (mean := float(energy.mean()))
        against = np.zeros(TERMS)
        for group in self._groups:
            against += np.bincount(group, centred, TERMS)
        against[-1] = self._time @ centred
        terms = self._inverse @ against
        of_day, of_week = terms[:QUARTERS_A_DAY].copy(), terms[QUARTERS_A_DAY:-1].copy()
        _fill(of_day, self._groups[0])
        if len(self._groups) > 1:
            _fill(of_week, self._groups[1] - QUARTERS_A_DAY)
        return LinearModel(self._origin, mean, float(terms[-1]) / self._scale, of_day, of_week)


def fitted(start: np.ndarray, energy: np.ndarray) -> LinearModel:
    """From quarters in order: `start` in s (Unix time), `energy` in kWh. Raises TooLittleHistory."""
    return LinearFit(start)(energy)


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
