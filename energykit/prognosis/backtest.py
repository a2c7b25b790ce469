"""Forecasts made again from earlier days with what was known then, and how they did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import HealthForecast, HealthHistory
from energykit.prognosis.scoring import Score, quantiles_at, score_of

# From a history and seconds ahead to a forecast; all that it may know is in the history that it is given.
Forecaster = Callable[[HealthHistory, NDArray[np.float64]], HealthForecast]
ORIGINS = (0.4, 0.55, 0.7, 0.85)
POINTS_AHEAD = 12


@dataclass(frozen=True)
class Choice:
    """The best by back-test; `reason` says why in a sentence, `scores` holds what each one reached."""

    name: str
    reason: str
    scores: Mapping[str, Score | None]


@dataclass(frozen=True)
class Again:
    """A forecast made again: quantiles (5, m) for the m measurements that followed, and these."""

    quantiles: NDArray[np.float64]
    truth: NDArray[np.float64]


def rolling_origin(
    history: HealthHistory, make: Forecaster, origins: Sequence[float] = ORIGINS, points: int = POINTS_AHEAD
) -> Score | None:
    """One score over forecasts made at these shares of the history's time, against the rest of it.

    None where no origin had enough before it (CannotForecast) or after it.
    """
    return _score(history, list(_made_again(history, make, origins, points).values()))


def choose_best(history: HealthHistory, makers: Mapping[str, Forecaster], origins: Sequence[float] = ORIGINS) -> Choice:
    """The forecaster with the smallest pinball loss in the back-test; the first one where there is too little data.

    They are compared from the origins that all could forecast from, leaving aside who could from none.
    """
    made = {name: _made_again(history, make, origins, POINTS_AHEAD) for name, make in makers.items()}
    able = {name: again for name, again in made.items() if again}
    common = [origin for origin in origins if all(origin in again for again in able.values())]
    scores = {name: _score(history, [again[at] for at in common if at in again]) for name, again in made.items()}
    tried = {name: found.pinball for name, found in scores.items() if found is not None}
    if not tried:
        first = next(iter(makers))
        return Choice(first, f"There is too little history for a back-test: {first} is taken.", scores)
    best = min(tried, key=lambda name: tried[name])
    others = ", ".join(f"{name} {loss:.5f}" for name, loss in sorted(tried.items(), key=lambda item: item[1]))
    return Choice(best, f"{best} had the smallest pinball loss in a back-test on this battery ({others}).", scores)


def _made_again(history: HealthHistory, make: Forecaster, origins: Sequence[float], points: int) -> dict[float, Again]:
    """By origin, without those that the forecaster refuses."""
    made = {}
    for origin in origins if len(history) else ():
        known = history.until(history.time_s[0] + origin * (history.time_s[-1] - history.time_s[0]))
        later = history.part(slice(len(known), None))
        if not len(known) or not len(later):
            continue
        rows = np.unique(np.linspace(0, len(later) - 1, min(points, len(later))).astype(int))
        ahead = later.time_s[rows] - known.time_s[-1]
        try:
            forecast = make(known, ahead)
        except CannotForecast:
            continue
        made[origin] = Again(quantiles_at(forecast, ahead), later.soh[rows])
    return made


def _score(history: HealthHistory, made: list[Again]) -> Score | None:
    if not made:
        return None
    quantiles = np.concatenate([each.quantiles for each in made], axis=1)
    truth = np.concatenate([each.truth for each in made])
    return score_of(quantiles, truth, 0.0, float(history.time_s[-1] - history.time_s[0]))
