"""Score one forecast against the estimates that came since."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import F

from energykit.prognosis.scoring import pinball_loss
from prognosis import tables
from prognosis.errors import ResultMissing
from prognosis.forecasting.outcome import NOTHING, outcome_of
from prognosis.forecasting.quantiles import Health, health_of
from prognosis.models import ForecastRun, ForecastScore
from prognosis.queries import CAPACITY_STATES, result_of, state_column
from prognosis.scoring.horizons import EDGES_S
from twin.health import fleet_health
from twin.models import Estimator
from twin.queries import current_estimator

MOST_POINTS = 200  # of a forecast that are scored, evenly over its length
SUMS = (
    "points", "sum_error", "sum_absolute", "sum_squared", "sum_absolute_of_last_value", "banded", "inside_50",
    "inside_90", "sum_pinball",
)  # fmt: skip


def score_run(run: ForecastRun, estimator: Estimator) -> int:
    """Scores the points whose time has come; returns how many. Safe to call from several workers at once."""
    if run.next_score is None or run.newest_estimate is None:
        return 0
    latest = estimator.progress.latest_time
    column = state_column(estimator, CAPACITY_STATES)
    try:
        found = _forecast(run)
    except ResultMissing:
        found = None
    if found is None or column is None or latest is None or not run.reference_capacity:
        return _claim(run, None, estimator, [])
    times, health = found
    picked = times[_picks(times, run.newest_estimate)]
    due = picked[(picked >= run.next_score) & (picked <= latest)]
    later = picked[picked > latest]
    truth = tables.select_at(connection, estimator.pk, column, [run.newest_estimate, *due.tolist()])
    sums = _sums(run, times, health, np.array(truth, dtype=float).reshape(len(truth), 2)) if len(due) else []
    return _claim(run, float(later[0]) if len(later) else None, estimator, sums)


def prepare_old(run: ForecastRun) -> None:
    """What a forecast says in short, for one that was made before that was kept."""
    told: dict[str, Any] = {"scored_column": NOTHING}
    if run.newest_estimate is not None:
        health = fleet_health([run.battery_id]).get(run.battery_id)
        try:
            columns = result_of(run)
        except ResultMissing:
            columns = {}
        threshold = run.threshold if run.threshold is not None else 0.8
        told = outcome_of(columns, run.newest_estimate, health.reference_capacity if health else None, threshold)
    ForecastRun.objects.filter(pk=run.pk, scored_column="").update(**told)


def start_anew(run: ForecastRun) -> None:
    """Forgets its scores: another estimator tells the truth now."""
    with transaction.atomic():
        as_read = ForecastRun.objects.filter(
            pk=run.pk, scored_estimator=run.scored_estimator, scored_series=run.scored_series
        )
        if as_read.update(scored_estimator=None, scored_series=None, next_score=run.newest_estimate):
            ForecastScore.objects.filter(run=run).delete()


def score_again(run: ForecastRun) -> int:
    """Forgets its scores and scores all points whose time has come; returns how many."""
    if not run.scored_column:
        prepare_old(run)
    start_anew(run)
    run.refresh_from_db()
    estimator = current_estimator(run.battery)
    return 0 if estimator is None else score_run(run, estimator)


def _forecast(run: ForecastRun) -> tuple[np.ndarray, Health] | None:
    """Its times on the battery's clock, s, and its health; None where nothing can be scored."""
    columns = result_of(run)
    health = health_of(columns, run.reference_capacity) if columns else None
    if health is None or run.newest_estimate is None:
        return None
    times = columns.get("battery_time")
    if times is None:
        times = run.newest_estimate + columns["test_time"]
    return times, health


def _picks(times: np.ndarray, newest: float) -> np.ndarray:
    later = np.flatnonzero(times > newest)
    if len(later) <= MOST_POINTS:
        return later
    return later[np.unique(np.linspace(0, len(later) - 1, MOST_POINTS).round().astype(int))]


def _sums(run: ForecastRun, times: np.ndarray, health: Health, truth: np.ndarray) -> list[ForecastScore]:
    """A record, not stored, for each range of horizons; the first row of `truth` is that of when it was made."""
    assert run.newest_estimate is not None
    assert run.reference_capacity
    now = float(truth[0, 1]) / run.reference_capacity
    truth = truth[(truth[:, 0] > run.newest_estimate) & (truth[:, 0] <= times[-1])]
    at, soh = truth[:, 0], truth[:, 1] / run.reference_capacity
    median = np.interp(at, times, health.median)
    quantiles = None
    if health.quantiles is not None:
        quantiles = np.array([np.interp(at, times, level) for level in health.quantiles])
    known = np.isfinite(median) & np.isfinite(soh)
    places = np.searchsorted(EDGES_S, at - run.newest_estimate, side="right") - 1
    scores = []
    for place in np.unique(places[known]).tolist():
        here = known & (places == place)
        score = ForecastScore(run=run, horizon=place, points=int(here.sum()))
        error = soh[here] - median[here]
        score.sum_error, score.sum_absolute = float(error.sum()), float(np.abs(error).sum())
        score.sum_squared = float((error**2).sum())
        score.sum_absolute_of_last_value = float(np.abs(soh[here] - now).sum())
        if quantiles is not None:
            _add_band(score, quantiles[:, here], soh[here])
        scores.append(score)
    return scores


def _add_band(score: ForecastScore, quantiles: np.ndarray, soh: np.ndarray) -> None:
    whole = np.isfinite(quantiles).all(axis=0)
    lowest, low, _, high, highest = quantiles[:, whole]
    soh = soh[whole]
    score.banded = int(whole.sum())
    score.inside_50 = int(((low <= soh) & (soh <= high)).sum())
    score.inside_90 = int(((lowest <= soh) & (soh <= highest)).sum())
    score.sum_pinball = float(pinball_loss(quantiles[:, whole], soh).sum()) if len(soh) else 0.0


def _claim(run: ForecastRun, next_score: float | None, estimator: Estimator, scores: list[ForecastScore]) -> int:
    """Adds the sums, unless another worker did so since `run` was read."""
    with transaction.atomic():
        is_ours = ForecastRun.objects.filter(
            pk=run.pk, next_score=run.next_score, scored_estimator=run.scored_estimator
        ).update(next_score=next_score, scored_estimator=estimator.pk, scored_series=estimator.progress.series)
        if not is_ours:
            return 0
        for score in scores:
            ForecastScore.objects.get_or_create(run=run, horizon=score.horizon)
            ForecastScore.objects.filter(run=run, horizon=score.horizon).update(
                **{name: F(name) + getattr(score, name) for name in SUMS}
            )
    return sum(score.points for score in scores)
