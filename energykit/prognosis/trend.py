"""SOH goes on as it went: a line against time or throughput, in √ or linear.

Each form is a weighted line SOH = a + b·g with g = x or √x, x since the first estimate, through all of the history or
through its latest half. Forecasts made again from earlier days (rolling origin) tell how far each form strays at each
horizon. The form that strays least leads; the others keep the weight that the back-test leaves them, because a year of
data seldom tells a line from a root, and five years ahead they are far apart. The forecast is the mixture of all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from energykit.prognosis.calibration import scales
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import LEVELS, HealthForecast, HealthHistory
from energykit.prognosis.lines import fitted_lines
from energykit.prognosis.thinning import median, thinned, weights

Column = NDArray[np.float64]
Places = NDArray[np.int64]

YEAR = 365.25 * 86_400.0
FEWEST = 2
USUAL_SD_BOUNDS = (0.005, 0.02)
FEWEST_BEFORE_ORIGIN = 5
ORIGINS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DRIFT_SHARE = 0.25  # standard deviation of what lies ahead on the line, as its own share,
DRIFT_A_YEAR = 0.002  # and of SOH a year besides: conditions change
RIVALRY = 4.0  # a form that strays twice as far counts 2⁻⁴, less where few origins could be tried
PARTS = (np.arange(40) + 0.5) / 40  # levels by which the forms' distributions are cut and put together again


@dataclass(frozen=True)
class Form:
    """One way to draw the line; `share` is the latest part of the history that it goes through."""

    against: str
    power: float
    share: float

    @property
    def words(self) -> str:
        drawn = "a line" if self.power == 1 else "a root"
        return f"{drawn} in {self.against}" + ("" if self.share == 1 else " through the latest half")


@dataclass(frozen=True)
class Outlook:
    """What a form says of m times ahead from k origins: mean and standard deviation of a t distribution, (k, m).

    degrees: (k, 1) degrees of freedom.
    """

    mean: Column
    deviation: Column
    degrees: Column


@dataclass(frozen=True)
class Trial:
    """What the back-test found of a form. stray: mean error by horizon, None where the history is too short for one.
    origins: so many forecasts were made again.

    scale_s, scale: seconds ahead, and what the bands must be multiplied with there.
    """

    stray: float | None
    origins: int
    scale_s: Column
    scale: Column


def forecast_trend(
    history: HealthHistory, ahead_s: Column, ahead_throughput_ah: Column | None = None
) -> HealthForecast:
    """SOH by trend at `ahead_s` (k,) seconds after the last estimate; no quantile ever rises.

    ahead_throughput_ah: (k,) charge that the load will have moved by then, in and out together, 0 now; with it, and
    with throughput in the history, trends against throughput are tried too.
    Raises CannotForecast below two estimates at different times.
    """
    if len(history) < FEWEST:
        raise CannotForecast(
            f"A trend needs {FEWEST} or more estimates of health at different times; there are {len(history)}.",
            "Wait for more rows, or take the ageing model, which needs no history.",
            "history",
        )
    ahead = np.asarray(ahead_s, float)
    points = thinned(history)
    weight = weights(points)
    past, future = _abscissas(history, points, ahead, ahead_throughput_ah)
    now = float(history.time_s[-1] - points.time_s[0])
    forms = [Form(against, power, share) for against in past for power in (1.0, 0.5) for share in (1.0, 0.5)]
    trials, outlooks, everything = [], [], np.array([len(points)])
    for form in forms:
        x = past[form.against]
        trials.append(_trial(form, points, x, weight))
        outlooks.append(_outlooks(form, points, x, weight, everything, future[form.against], now + ahead))
    shares = _shares(trials)
    quantiles = np.minimum.accumulate(_mixture(outlooks, trials, shares, ahead), axis=1)
    return HealthForecast(ahead, np.clip(quantiles, 0.0, None), _words(forms, trials, shares), _details(forms, shares))


def _abscissas(
    history: HealthHistory, points: HealthHistory, ahead_s: Column, ahead_throughput_ah: Column | None
) -> tuple[dict[str, Column], dict[str, Column]]:
    """What SOH is drawn against: of the points (n,), and ahead (k,), both since the first point."""
    first = points.time_s[0]
    past = {"time": points.time_s - first}
    future = {"time": history.time_s[-1] - first + ahead_s}
    if history.throughput_ah is not None and points.throughput_ah is not None and ahead_throughput_ah is not None:
        moved = points.throughput_ah - points.throughput_ah[0]
        if np.all(np.diff(moved) >= 0) and moved[-1] > moved[len(moved) // 2] > 0:
            past["throughput"] = moved
            future["throughput"] = history.throughput_ah[-1] - points.throughput_ah[0] + ahead_throughput_ah
    return past, future


def _outlooks(
    form: Form, points: HealthHistory, x: Column, weight: Column, known: Places, x_ahead: Column, elapsed_ahead: Column
) -> Outlook:
    """From the first so many points as `known` (k,) says, to x_ahead (m,) at elapsed_ahead (m,); arrays are (k, m)."""
    elapsed, place = points.time_s - points.time_s[0], np.arange(len(x))
    last, begin = known - 1, np.zeros_like(known)
    if form.share < 1:
        latest = np.searchsorted(elapsed, elapsed[last] * (1 - form.share))
        begin = np.maximum(np.minimum(latest, known - FEWEST_BEFORE_ORIGIN), 0)
        begin = np.where(x[begin] == x[last], 0, begin)
    is_seen = (begin[:, None] <= place) & (place < known[:, None])
    usual_sd = np.clip([[median(points.soh_sd[:count])] for count in known], *USUAL_SD_BOUNDS)
    unit = x[last][:, None]
    lines = fitted_lines((x / unit) ** form.power, points.soh, weight * is_seen, usual_sd)
    g = (x_ahead / unit) ** form.power
    drift = (
        DRIFT_SHARE * np.abs(lines.slope * (g - 1.0)) + DRIFT_A_YEAR * (elapsed_ahead - elapsed[last][:, None]) / YEAR
    )
    return Outlook(lines.mean(g), np.sqrt(lines.variance(g) + drift**2), lines.degrees)


def _trial(form: Form, points: HealthHistory, x: Column, weight: Column) -> Trial:
    """Forecasts from earlier days, each with what was known then, against the estimates that followed."""
    elapsed = points.time_s - points.time_s[0]
    known = np.searchsorted(elapsed, np.array(ORIGINS) * elapsed[-1], side="right")
    known = known[(known >= FEWEST_BEFORE_ORIGIN) & (x[known - 1] > 0)]
    if not len(known):
        return Trial(None, 0, np.zeros(1), np.ones(1))
    outlooks = _outlooks(form, points, x, weight, known, x, elapsed)
    follows = np.arange(len(x)) >= known[:, None]
    error = np.abs(points.soh - outlooks.mean)
    size, error = (error / outlooks.deviation)[follows], error[follows]
    horizon = (elapsed - elapsed[known - 1][:, None])[follows]
    stray = float(np.mean(error / (horizon + 0.1 * elapsed[-1]))) * float(elapsed[-1])
    return Trial(stray, len(known), *scales(size, horizon, len(known), len(x)))


def _shares(trials: list[Trial]) -> Column:
    """Weight of each form in the mixture, 1 together; alike where nothing could be tried."""
    if any(trial.stray is None for trial in trials):
        return np.full(len(trials), 1 / len(trials))
    stray = np.array([trial.stray for trial in trials]) + 1e-9
    weight = (np.min(stray) / stray) ** (RIVALRY * min(trial.origins for trial in trials) / len(ORIGINS))
    return weight / np.sum(weight)


def _mixture(outlooks: list[Outlook], trials: list[Trial], shares: Column, ahead_s: Column) -> Column:
    """(5, m) quantiles of all forms together: each is cut into parts of equal probability, these are sorted anew.

    Each outlook is from one origin, to m times ahead.
    """
    parts = []
    for outlook, trial in zip(outlooks, trials, strict=True):
        deviation = outlook.deviation * np.interp(ahead_s, trial.scale_s, trial.scale)
        parts.append(outlook.mean + stdtrit(outlook.degrees, PARTS).T * deviation)
    values = np.concatenate(parts)
    probability = np.repeat(shares / len(PARTS), len(PARTS))
    order = np.argsort(values, axis=0)
    values = np.take_along_axis(values, order, axis=0)
    level = np.cumsum(probability[order], axis=0) - probability[order] / 2
    return np.array([np.interp(LEVELS, level[:, place], values[:, place]) for place in range(len(ahead_s))]).T


def _words(forms: list[Form], trials: list[Trial], shares: Column) -> str:
    best = int(np.argmax(shares))
    if trials[best].stray is None:
        return "Trend: lines and roots alike, because there are too few estimates to try which fits."
    return (
        f"Trend: {forms[best].words} leads with {shares[best]:.0%} of the weight: "
        "in forecasts made again from earlier days it strayed least."
    )


def _details(forms: list[Form], shares: Column) -> dict[str, object]:
    return {"weights": {form.words: round(float(share), 3) for form, share in zip(forms, shares, strict=True)}}
