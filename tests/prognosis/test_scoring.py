"""Stored forecasts are held against what was estimated later, incrementally, by how far ahead they looked."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from datahub.models import Battery
from prognosis.forecasting.quantiles import health_of
from prognosis.models import Comparison, ForecastRun, ForecastScore, RunState
from prognosis.scoring import duty
from prognosis.scoring.duty import score_due
from prognosis.scoring.table import scores_by_horizon, scores_of_forecasters, scores_of_run
from prognosis.storage import as_parquet
from tests.prognosis.past import DAY, add_estimates
from twin.models import EstimatorProgress, VersionChange

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def forecast(battery, days, soh, half_band, *, kind="trend", newest=0.0):
    """A forecast that is done: SOH at these days, with a band that holds 90 % (and half as wide a one for 50 %)."""
    soh = np.array(soh)
    columns = {"soh": soh}
    for name, far in {"q05": -1.0, "q25": -0.5, "q50": 0.0, "q75": 0.5, "q95": 1.0}.items():
        columns[name] = soh + far * half_band
    return forecast_of(battery, days, columns, kind=kind, newest=newest)


def forecast_of(battery, days, columns, *, kind="script", newest=0.0, reference_ah=1.0):
    """One that is done, of these columns beside the times."""
    columns = {"battery_time": newest + DAY * np.array(days), "test_time": DAY * np.array(days), **columns}
    run = ForecastRun(
        battery=battery, kind=kind, made_by=kind, load={"ahead_time": 1.0}, state=RunState.DONE, newest_estimate=newest,
        reference_capacity=reference_ah, horizon_end=newest + DAY * days[-1], next_score=newest + DAY * days[1],
        scored_column="soh",
    )  # fmt: skip
    run.result_file.save("result.parquet", as_parquet(columns), save=False)
    run.save()
    return run


def test_a_forecast_is_scored_by_horizon_as_its_time_comes(battery_with_past):
    # SOH is 1 - 0.365 * days / 365.25 of a year: it loses 0.365 a year, so 0.00999 each ten days.
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    run = forecast(battery, [0, 10, 20, 40], [1.0, 0.99, 0.99, 0.93], 0.02)
    assert score_due() == 0
    add_estimates(estimator, 10 * DAY, 20 * DAY, loss_a_year=0.36525)
    assert score_due() == 1
    # Truth 0.99 and 0.98 against 0.99 and 0.99: errors 0 and -0.01, both within 0.02, the second at the edge of 0.01.
    (near,) = scores_of_run(run)
    assert (near.horizon_words, near.points, near.banded) == ("up to 30 days", 2, 2)
    assert near.absolute_error == pytest.approx(0.005)
    assert near.bias == pytest.approx(-0.005)
    assert near.inside_90 == 1.0
    # Had it said 1.0, it would have been off by 0.01 and 0.02: skill is 1 - 0.01 / 0.03.
    assert near.skill == pytest.approx(2 / 3)
    add_estimates(estimator, 40 * DAY, 40 * DAY, loss_a_year=0.36525)
    score_due()
    assert score_due() == 0
    near, far = scores_of_run(run)
    assert (near.points, far.horizon_words, far.points) == (2, "30 to 90 days", 1)
    # Truth 0.96 against 0.93 +- 0.02 lies outside; pinball of y above q is level * (y - q), mean over the five.
    assert far.inside_90 == 0.0
    levels, quantiles = np.array([0.05, 0.25, 0.5, 0.75, 0.95]), 0.93 + 0.02 * np.array([-1, -0.5, 0, 0.5, 1])
    assert far.pinball == pytest.approx(np.mean(levels * (0.96 - quantiles)))
    run.refresh_from_db()
    assert run.next_score is None


@pytest.mark.parametrize(
    ("columns", "reference_ah", "inside_50", "inside_90", "pinball"),
    [
        # Truth 0.99. Quantiles 0.97 ± 1.64485 · 0.01 and ± 0.67449 · 0.01: above all of them: the loss is the
        # mean of 0.05 · 0.0364485, 0.25 · 0.0267449, 0.5 · 0.02, 0.75 · 0.0132551 and 0.95 · 0.0035515.
        ({"soh": 0.97, "soh_std": 0.01}, 1.0, 0.0, 0.0, 0.00636478),
        # The ends of 95 % are 1.95996 deviations away: of 0.02 below 0.98 and of 0.01 above it. Quantiles 0.9471029,
        # 0.9665102, 0.98, 0.9867449, 0.9964485: 0.99 lies between the last two. Mean of 0.05 · 0.0428971,
        # 0.25 · 0.0234898, 0.5 · 0.01, 0.75 · 0.0032551 and 0.05 · 0.0064485.
        ({"soh": 0.98, "soh_lower": 0.9408007, "soh_upper": 0.9995996}, 1.0, 0.0, 1.0, 0.00315621),
        # Ah, of a cell of 2 Ah: SOH 0.5 ± 0.01 against 0.495. Quantiles 0.4835515, 0.4932551, 0.5, 0.5067449,
        # 0.5164485. Mean of 0.05 · 0.0114485, 0.25 · 0.0017449, 0.5 · 0.005, 0.25 · 0.0117449 and 0.05 · 0.0214485.
        ({"q_t": 1.0, "q_t_std": 0.02}, 2.0, 1.0, 1.0, 0.00150346),
    ],
)
def test_bands_that_a_script_tells_in_columns_of_its_own_are_scored(
    columns, reference_ah, inside_50, inside_90, pinball, battery_with_past
):
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    run = forecast_of(
        battery, [0, 10], {name: np.full(2, value) for name, value in columns.items()}, reference_ah=reference_ah
    )
    add_estimates(estimator, 10 * DAY, 10 * DAY, loss_a_year=0.36525)
    score_due()
    (found,) = scores_of_run(run)
    assert (found.points, found.banded, found.inside_50, found.inside_90) == (1, 1, inside_50, inside_90)
    assert found.pinball == pytest.approx(pinball, abs=1e-7)


def test_another_current_estimator_or_series_scores_anew(battery_with_past):
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    run = forecast(battery, [0, 10], [1.0, 0.99], 0.02)
    add_estimates(estimator, 10 * DAY, 10 * DAY, loss_a_year=0.36525)
    score_due()
    assert scores_of_run(run)[0].absolute_error == pytest.approx(0.0, abs=1e-9)
    EstimatorProgress.objects.filter(pk=estimator.pk).update(series=7)
    score_due()
    run.refresh_from_db()
    assert (run.scored_series, ForecastScore.objects.count()) == (7, 1)
    type(estimator).objects.update(is_current=False)
    battery_with_past(loss_a_year=0.36525 * 2, years=0.1, rows=False)
    score_due()
    (score,) = scores_of_run(run)
    assert (score.points, score.absolute_error) == (1, pytest.approx(0.01))


def test_forecasters_are_listed_by_pinball_loss_for_one_battery_and_for_all(battery_with_past):
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    forecast(battery, [0, 10], [1.0, 0.90], 0.02, kind="ageing")
    forecast(battery, [0, 10], [1.0, 0.99], 0.02, kind="trend")
    add_estimates(estimator, 10 * DAY, 10 * DAY, loss_a_year=0.36525)
    score_due()
    assert [score.forecaster for score in scores_of_forecasters()] == ["trend", "ageing"]
    assert [score.forecaster for score in scores_of_forecasters(battery)] == ["trend", "ageing"]
    assert scores_of_forecasters(Battery.objects.create(name="other")) == []
    assert {score.horizon_words for score in scores_by_horizon()} == {"up to 30 days"}


def test_a_forecast_whose_file_is_gone_is_passed_over(battery_with_past):
    battery, _ = battery_with_past(loss_a_year=0.1, years=1, rows=False)
    run = forecast(battery, [0, 10], [1.0, 0.9], 0.1)
    run.result_file.storage.delete(run.result_file.name)
    assert (score_due(), score_due()) == (1, 0)
    assert not ForecastScore.objects.exists()


def test_a_forecast_that_cannot_be_scored_holds_up_no_other(battery_with_past):
    battery, _ = battery_with_past(loss_a_year=0.1, years=1, rows=False)
    broken = forecast(battery, [0, 10], [1.0, 0.9], 0.1)
    broken.result_file.save("result.parquet", as_parquet({"soh": np.array([1.0, 0.9])}), save=False)  # no times
    broken.save()
    whole = forecast(battery, [0, 10], [1.0, 0.9], 0.1)
    assert (score_due(), score_due()) == (2, 0)
    assert list(ForecastScore.objects.values_list("run", flat=True)) == [whole.pk]


def test_a_supposed_load_is_not_held_against_what_came(battery_with_past):
    battery, _ = battery_with_past(loss_a_year=0.1, years=1, rows=False)
    run = forecast(battery, [0, 10], [1.0, 0.9], 0.1)
    run.comparison = Comparison.objects.create(battery=battery, threshold=0.8)
    run.save()
    assert score_due() == 0
    ForecastScore.objects.create(run=run, horizon=0, points=1)  # as it was done before
    assert (scores_of_forecasters(), scores_by_horizon()) == ([], [])


def test_a_median_alone_is_no_band():
    said = {"soh": np.array([0.9, 0.8]), "soh_q50": np.array([0.9, 0.8])}
    health = health_of(said, None)
    assert health.median.tolist() == [0.9, 0.8]
    assert health.quantiles is None


# --- how often, and what it costs ----------------------------------------------------------------------------------
@pytest.fixture
def looks(monkeypatch):
    """A worker that has looked at everything, and does not wait between its looks."""
    monkeypatch.setattr(duty, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(duty, "MOST_OF_THE_TIME", 1e9)
    monkeypatch.setattr(duty, "OVERLAP", timedelta(0))
    seen = duty.Seen()

    def look():
        while duty.score_some(seen):
            continue
        return seen

    return look


def test_where_nothing_is_new_a_look_costs_three_queries_however_many_forecasts_there_are(
    battery_with_past, looks, django_assert_num_queries
):
    battery, _ = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    for _ in range(3):
        forecast(battery, [0, 10, 20], [1.0, 0.99, 0.98], 0.02)
    seen = looks()
    with django_assert_num_queries(3):
        assert not duty.score_some(seen)


def test_only_forecasts_of_batteries_with_something_new_are_looked_at(battery_with_past, looks, monkeypatch):
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=0, rows=False)
    other, _ = battery_with_past(loss_a_year=0.36525, years=1, rows=False, name="other")
    ours, theirs = (forecast(each, [0, 10, 20], [1.0, 0.99, 0.98], 0.02) for each in (battery, other))
    seen = looks()
    theirs.refresh_from_db()
    assert theirs.next_score is None
    ForecastRun.objects.filter(pk=theirs.pk).update(next_score=10 * DAY)  # due, but nobody has touched its battery
    add_estimates(estimator, 10 * DAY, 10 * DAY, loss_a_year=0.36525)
    EstimatorProgress.objects.filter(pk=estimator.pk).update(updated=timezone.now())
    looks()
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.next_score, theirs.next_score) == (20 * DAY, 10 * DAY)
    seen.next_whole_look = 0.0  # now and then all are
    looks()
    theirs.refresh_from_db()
    assert theirs.next_score is None


def test_a_forecast_that_ends_and_a_version_that_is_promoted_are_new(battery_with_past, looks):
    battery, estimator = battery_with_past(loss_a_year=0.36525, years=1, rows=False)
    looks()
    run = forecast(battery, [0, 10], [1.0, 0.99], 0.02)
    ForecastRun.objects.filter(pk=run.pk).update(finished=timezone.now())
    looks()
    assert scores_of_run(run)
    run.refresh_from_db()
    ForecastRun.objects.filter(pk=run.pk).update(scored_estimator=estimator.pk + 1)
    looks()
    run.refresh_from_db()
    assert run.scored_estimator == estimator.pk + 1  # nothing tells that anything has changed
    VersionChange.objects.create(battery=battery, after_version=1, reason="rolled back")
    looks()
    run.refresh_from_db()
    assert run.scored_estimator == estimator.pk
