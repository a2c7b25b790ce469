"""Forecasts without code: available for every battery, made in the worker, told with the band of their crossing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from datahub.models import Battery
from prognosis.errors import OptionRefused
from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import Way, request_run, usual_way
from prognosis.models import Forecaster, ForecastRun, RunState
from prognosis.queries import as_lists, date_of, history_used_by, result_of
from prognosis.registration import register_built_in
from tests.prognosis.conftest import where_history_is_read
from tests.prognosis.past import CAPACITY_SD, DAY, YEAR, add_estimates

pytestmark = [where_history_is_read, pytest.mark.postgres]
TEN_YEARS = {"ahead_time": 10 * YEAR, "resolution": 30 * DAY}


@pytest.fixture
def made(work):
    """`made(battery, kind)`: the forecast, once a worker has made it."""

    def make(battery, kind, load=TEN_YEARS, **way):
        run = request_run(battery, load_from(load), way=Way(kind=kind, **way))
        work()
        return ForecastRun.objects.select_related("job", "battery").get(pk=run.pk)

    return make


def test_a_trend_finds_when_a_straight_line_falls_below_the_threshold(made, battery_with_past):
    # SOH = 1 - 0.04 a year, two years old: 0.8 is reached at 5 years, which is 3 years ahead.
    battery, _ = battery_with_past()
    run = made(battery, "trend")
    assert (run.state, run.error, run.made_by) == (RunState.DONE, "", "trend")
    assert run.result_columns == ["test_time", "battery_time", "soh", "q05", "q25", "q50", "q75", "q95"]
    assert run.crossing_q50 == pytest.approx(5 * YEAR, rel=0.05)
    assert run.crossing_q05 < run.crossing_q50
    assert run.headline.startswith("Falls below 80 % in ")
    columns = result_of(run)
    quantiles = np.array([columns[name] for name in ("q05", "q25", "q50", "q75", "q95")])
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert columns["battery_time"][0] == run.newest_estimate


def test_the_history_is_pinned_with_the_deviations_of_the_estimator(made, battery_with_past):
    battery, _ = battery_with_past(capacity=2.0)
    run = made(battery, "trend")
    history = as_lists(history_used_by(run))
    assert (history["test_time"][0], history["soh"][0]) == (0.0, 1.0)
    assert history["soh_std"][0] == pytest.approx(CAPACITY_SD / 2.0)
    assert run.reference_capacity == 2.0


def test_a_forecast_as_of_a_day_knows_nothing_that_came_later(made, battery_with_past):
    battery, estimator = battery_with_past(years=1.0)
    before = made(battery, "trend")
    add_estimates(estimator, 1.1 * YEAR, 2 * YEAR, loss_a_year=0.3)  # it would see a collapse
    then = made(battery, "trend", as_of=1.0 * YEAR)
    assert then.newest_estimate == before.newest_estimate
    assert as_lists(history_used_by(then)) == as_lists(history_used_by(before))
    assert as_lists(result_of(then))["q50"] == as_lists(result_of(before))["q50"]


def test_the_best_by_back_test_says_which_and_why(made, battery_with_past):
    battery, _ = battery_with_past()
    run = made(battery, "auto")
    assert run.made_by in ("trend", "ageing")
    assert "back-test" in run.why
    assert "told the newest duty, which nobody could know then." in run.why


def test_the_ageing_model_heeds_the_load(made, battery_with_past):
    battery, _ = battery_with_past()
    asked = {**TEN_YEARS, "last_days": 2}
    usual = made(battery, "ageing", asked)
    rest = made(battery, "ageing", {**TEN_YEARS, "current": 0.0})
    assert "NMC, as its metadata say." in usual.why
    assert result_of(rest)["soh"][-1] > result_of(usual)["soh"][-1]


def test_what_is_not_reached_is_told_as_not_within_the_horizon(made, battery_with_past):
    battery, _ = battery_with_past(loss_a_year=0.001)
    run = made(battery, "trend", {"ahead_time": YEAR, "resolution": DAY}, threshold=0.5)
    assert (run.crossing_q05, run.crossing_q50, run.crossing_q95) == (None, None, None)
    assert run.headline == "Stays above 50 % for the 365 days ahead; 95 % sure."


def test_a_battery_without_estimates_is_told_what_to_do(made, db):
    from datahub.models import Battery

    run = made(Battery.objects.create(name="new"), "auto")
    assert (run.state, run.error_code) == (RunState.FAILED, "no_estimates")
    assert "Register an estimator for 'new'" in run.error


def test_a_built_in_kind_can_be_a_batterys_standing_forecaster(made, work, battery_with_past):
    battery, _ = battery_with_past()
    assert usual_way(battery).kind == "auto"
    register_built_in(name="cell", kind="ageing", options={"preset": "nca"})
    newer = register_built_in(name="cell", kind="trend")
    assert usual_way(battery).kind == ""
    run = made(battery, "")
    assert (run.forecaster, run.kind, run.made_by) == (newer, "trend", "trend")
    assert list(Forecaster.objects.filter(is_current=True)) == [newer]


@pytest.mark.parametrize(
    ("way", "field"),
    [
        ({"kind": "magic"}, "kind"),
        ({"kind": "ageing", "options": {"preset": "lead"}}, "preset"),
        ({"kind": "trend", "options": {"preset": "nmc"}}, "preset"),
        ({"kind": "auto", "options": {"depth": 3}}, "options.depth"),
        ({"kind": "auto", "threshold": 80.0}, "threshold"),
    ],
)
def test_what_a_kind_does_not_take_is_refused_at_its_field(way, field, battery_with_past):
    battery, _ = battery_with_past(years=0.1, rows=False)
    with pytest.raises(OptionRefused) as refused:
        request_run(battery, load_from(TEN_YEARS), way=Way(**way))
    assert list(refused.value.fields) == [field]
    assert not ForecastRun.objects.exists()


def test_a_script_reads_the_deviations_of_states_and_its_band_tells_the_crossing(estimated, register, work):
    battery = estimated([1.0, 0.9, 0.8])
    register(
        "def forecast(past, load):\n"
        "    assert past['q_t__base_values_std'].tolist() == [0.0, 0.0, 0.0]\n"
        "    return load[['test_time']].assign(soh=[0.9, 0.7], soh_q05=[0.8, 0.6], soh_q95=[0.9, 0.85])\n",
        sql_query="SELECT test_time, q_t__base_values_std FROM $TABLE_NAME$",
    )
    work()
    run = request_run(battery, load_from({"ahead_time": 2}))
    work()
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.DONE, "")
    # Between 0 and 1 s: 0.9 to 0.7 passes 0.8 half way, 0.8 to 0.6 begins there; 0.9 to 0.85 never does.
    assert run.crossing_q50 == pytest.approx(120.5)
    assert run.crossing_q95 is None
    assert run.scored_column == "soh"


def test_a_forecast_as_of_an_earlier_time_is_dated_from_then():
    asked = datetime(2026, 11, 21, tzinfo=UTC)
    run = ForecastRun(
        battery=Battery(last_test_time=9000.0), created=asked, newest_estimate=400.0, last_test_time=1000.0
    )
    assert date_of(run, 700.0) == asked + timedelta(seconds=300)
    run.as_of = 400.0
    assert date_of(run, 700.0) == asked - timedelta(seconds=300)
