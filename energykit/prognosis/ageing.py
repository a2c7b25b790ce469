"""SOH from published ageing equations, scaled to this cell's own history."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from energykit.prognosis.chemistry import PRESETS, AgeingModel
from energykit.prognosis.duty import Duty
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import LEVELS, HealthForecast, HealthHistory
from energykit.prognosis.scaling import USUAL_DAYS_BEFORE, CellModel, Posterior, fitted
from energykit.prognosis.strain import SUMS, Course, Strain, strain_of
from energykit.prognosis.thinning import share_of_news, thinned, weights

__all__ = ["PRESETS", "forecast_ageing"]

Column = NDArray[np.float64]

DAY = 86_400.0
YEAR = 365.25 * DAY
USUAL_SD = 0.004  # of an estimate around the model, until residuals tell more: it counts like PRIOR_DEGREES of them
PRIOR_DEGREES = 2.0
LEAST_NEWS = 0.4  # misfit of the equations looks like noise with a memory; it must not silence the estimates
DRIFT_SHARE = 0.25  # standard deviation of the loss ahead, as its own share: the future is never lived as described
LATEST_PART = 8  # of the history
LATEST_DOUBT = 2.0  # so many estimates without a gap to the model stand against them
SMALLEST_FALL = 1e-6
WIDEST = 10.0  # of the variance of a fall, relative to its square
NO_HISTORY = HealthHistory(np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Fit:
    """Parameters as the history leaves them.

    scatter: variance of one estimate around the model. latest: by how much the latest estimates lie above it, with its
    variance.
    """

    posterior: Posterior
    scatter: float
    latest: float = 0.0
    latest_variance: float = 0.0


def forecast_ageing(
    history: HealthHistory | None,
    past: Duty | None,
    future: Duty | Sequence[Duty],
    ahead_s: Column,
    preset: str,
) -> HealthForecast:
    """SOH by the preset's equations at `ahead_s` (k,) seconds after the last estimate; no quantile ever rises.

    history: None or empty for a new cell: bands are then as wide as cells of one chemistry differ.
    past: what the cell went through, on the clock of the history (it may cover a part only); None: as in the future.
    future: one duty, or several one after another; each is repeated from its start while it lasts, the last one to the
        end of the horizon.
    Raises CannotForecast for a preset that is not in PRESETS, or no future duty.
    """
    published, ahead = _preset(preset), np.asarray(ahead_s, float)
    duties = [future] if isinstance(future, Duty) else list(future)
    if not duties:
        raise CannotForecast("There is no load to age under.", "Give one duty or more.", "load")
    points = NO_HISTORY if history is None else thinned(history)
    steady = float(np.mean((past or duties[0]).temperature_c))
    course = Course.of(duties, published, steady)
    if history is None or not len(history):  # new: it has lived no day
        before, reached, a_day = np.zeros((len(SUMS), 0)), np.zeros(len(SUMS)), np.zeros(len(SUMS))
    elif past is None:
        before, reached, a_day = _strain_like_ahead(course, history, points)
    else:
        before, reached, a_day = _strain_before(strain_of(past, published, steady), history, points)
    reference = np.where(reached > 0, reached, course.at(np.array([YEAR]))[:, 0]) + USUAL_DAYS_BEFORE * a_day
    model = CellModel(published, a_day, reference)
    fit = _fit(model, before, points)
    quantiles = _quantiles(model, fit, reached, reached[:, None] + course.at(ahead))
    return HealthForecast(ahead, quantiles, _words(published, fit, len(points)), _details(published, fit))


def _strain_like_ahead(course: Course, history: HealthHistory, points: HealthHistory) -> tuple[Column, Column, Column]:
    """Sums at the points (6, n), at the last estimate (6,), and of a day (6,), lived as the course begins."""
    a_day = course.at(np.array([30 * DAY]))[:, 0] / 30
    begin = points.time_s[0]
    return a_day[:, None] * (points.time_s - begin) / DAY, a_day * (history.time_s[-1] - begin) / DAY, a_day


def _strain_before(strain: Strain, history: HealthHistory, points: HealthHistory) -> tuple[Column, Column, Column]:
    """The same from what was lived."""
    a_day = strain.total / (strain.time_s[-1] - strain.time_s[0]) * DAY
    begin = strain.at(points.time_s[:1])
    return strain.at(points.time_s) - begin, (strain.at(history.time_s[-1:]) - begin)[:, 0], a_day


def _fit(model: CellModel, before: Column, points: HealthHistory) -> Fit:
    """Fitted twice: what the residuals of the first fit say of scatter and of news weighs the second."""
    if not len(points):
        return Fit(fitted(model, before, points.soh, points.soh_sd), USUAL_SD**2)
    trust = weights(points)
    first = fitted(model, before, points.soh, USUAL_SD / np.sqrt(trust))
    news = max(share_of_news(first.residual[None], np.array([[len(points)]])).item(), LEAST_NEWS)
    effective = max(len(points) * news, 1.0)
    own = float(np.average(first.residual**2, weights=trust)) * effective
    scatter = (own + PRIOR_DEGREES * USUAL_SD**2) / (effective + PRIOR_DEGREES)
    posterior = fitted(model, before, points.soh, np.sqrt(scatter / (news * trust)), first.mean)
    latest = posterior.residual[-max(len(points) // LATEST_PART, 1) :]
    above = float(np.sum(latest)) / (len(latest) + LATEST_DOUBT)
    return Fit(posterior, scatter, above, scatter / (len(latest) * news) + above**2)


def _quantiles(model: CellModel, fit: Fit, reached: Column, after: Column) -> Column:
    """(5, k): the level now is normal, what it falls by from there is lognormal; both by propagation of error.

    So the fall is never negative, and where nothing is known of this cell it is a factor more or less. Distances from
    the median add by squares, below and above it for themselves.
    """
    sums = np.concatenate((reached[:, None], after), axis=1)
    soh, slopes = model.soh_and_slopes(fit.posterior.mean, sums)
    fall, fall_slopes = np.maximum(soh[0] - soh[1:], SMALLEST_FALL), slopes[0] - slopes[1:]
    level_variance = fit.scatter + fit.latest_variance + slopes[0] @ fit.posterior.covariance @ slopes[0]
    fall_variance = np.sum((fall_slopes @ fit.posterior.covariance) * fall_slopes, axis=1)
    width = np.sqrt(np.log1p(np.minimum(fall_variance / fall**2, WIDEST)) + DRIFT_SHARE**2)
    rows = []
    for normal in ndtri(LEVELS):
        away = np.hypot(normal * np.sqrt(level_variance), fall * np.expm1(-normal * width))
        rows.append(soh[1:] + fit.latest + np.sign(normal) * away)
    return np.clip(np.minimum.accumulate(np.array(rows), axis=1), 0.0, None)


def _words(published: AgeingModel, fit: Fit, estimates: int) -> str:
    if not estimates:
        return f"Ageing: {published.title} as published; there are no estimates of this battery to scale it by."
    calendar, cycle = np.exp(fit.posterior.mean[1:3])
    return (
        f"Ageing: {published.title}, scaled to this battery: calendar fade × {calendar:.2f}, cycle fade × {cycle:.2f}."
    )


def _details(published: AgeingModel, fit: Fit) -> dict[str, object]:
    mean, deviation = fit.posterior.mean, np.sqrt(np.diag(fit.posterior.covariance))
    return {
        "citation": published.citation,
        "limits": published.limits,
        "new_capacity": float(mean[0]),
        "new_capacity_sd": float(deviation[0]),
        "calendar_scale": float(np.exp(mean[1])),
        "calendar_scale_relative_sd": float(deviation[1]),
        "cycle_scale": float(np.exp(mean[2])),
        "cycle_scale_relative_sd": float(deviation[2]),
        "calendar_exponent": float(published.calendar_exponent + mean[3]),
        "cycle_exponent": float(published.cycle_exponent + mean[4]),
        "days_before_first_estimate": float(np.exp(mean[5])),
    }


def _preset(key: str) -> AgeingModel:
    if key not in PRESETS:
        raise CannotForecast(
            f"There is no ageing model '{key}'.", f"Take one of {', '.join(sorted(PRESETS))}.", "preset"
        )
    return PRESETS[key]
