"""Crossings, scores, back-tests, histories and loads."""

import numpy as np
import pytest

from energykit.prognosis.backtest import choose_best, rolling_origin
from energykit.prognosis.crossings import crossing_of
from energykit.prognosis.duty import Duty, soc_from_load
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import HealthForecast, HealthHistory
from energykit.prognosis.scoring import pinball_loss, score
from tests.energykit.prognosis_duties import DAY, YEAR

STEADY = np.array([-0.03, -0.01, 0.0, 0.01, 0.03])


def falling(per_year=0.05, now=0.95, years=5, spread=STEADY):
    ahead = np.arange(years + 1) * YEAR
    middle = now - per_year * ahead / YEAR
    return HealthForecast(ahead, middle + np.asarray(spread)[:, None], "by hand")


def test_each_quantile_crosses_where_its_line_does():
    """0.95 − 0.05 a year, moved by −0.03, −0.01, 0, 0.01, 0.03: below 0.8 after 2.4, 2.8, 3, 3.2 and 3.6 years."""
    crossing = crossing_of(falling(), 0.8)

    assert np.array(crossing.ahead_s) / YEAR == pytest.approx([2.4, 2.8, 3.0, 3.2, 3.6])
    assert crossing.chance == 0.95
    assert crossing.sentence == (
        "Falls below 80 % in 3.0 years; at the earliest in 2.4 years (5 %), at the latest in 3.6 years (95 %)."
    )


def test_what_does_not_cross_is_not_within_the_horizon():
    """At the end 0.70 ± 0.01 and ± 0.03: 0.705 lies between the median and the 75 % quantile."""
    crossing = crossing_of(falling(), 0.705)

    assert crossing.ahead_s[3:] == (None, None)
    assert crossing.chance == pytest.approx(0.625)
    assert crossing.sentence == (
        "Falls below 70.5 % in 4.9 years; at the earliest in 4.3 years (5 %), "
        "at the latest not within the horizon of 5.0 years (95 %)."
    )
    assert crossing_of(falling(), 0.69).sentence == (
        "Probably stays above 69 % within the horizon of 5.0 years; falls below at the earliest in 4.6 years (5 %)."
    )
    assert crossing_of(falling(), 0.6).sentence == (
        "Stays above 60 % within the horizon of 5.0 years (at least 95 % sure)."
    )


def test_what_is_below_now_crosses_now():
    crossing = crossing_of(falling(now=0.7), 0.8)

    assert crossing.ahead_s == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert crossing.sentence == "Is below 80 % already."


def test_scores_by_horizon_are_those_counted_by_hand():
    """Of a forecast that stays at 0.9 with quantiles ± 0.01 and ± 0.03; the last measurement lies beyond its end."""
    forecast = falling(per_year=0.0, now=0.9)
    near, far = score(forecast, np.array([10, 20, 400, 3000]) * DAY, [0.905, 0.92, 0.86, 0.5], (0.0, 30 * DAY, np.inf))

    assert (near.count, near.inside_50, near.inside_90) == (2, 0.5, 1.0)
    assert (near.error, near.absolute_error) == (pytest.approx(0.0125), pytest.approx(0.0125))
    assert (far.count, far.inside_50, far.inside_90, far.error) == (1, 0.0, 0.0, pytest.approx(-0.04))
    # y − q = −0.01, −0.03, −0.04, −0.05, −0.07, times p − 1 = −0.95, −0.75, −0.5, −0.25, −0.05
    assert far.pinball == pytest.approx((0.0095 + 0.0225 + 0.02 + 0.0125 + 0.0035) / 5)


def test_pinball_loss_is_smallest_for_the_true_quantiles():
    truth = np.random.default_rng(0).normal(0.0, 1.0, 20_000)
    right = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.6449])
    loss = [np.mean(pinball_loss(np.outer(factor * right, np.ones(len(truth))), truth)) for factor in (0.7, 1.0, 1.4)]

    assert loss[1] < min(loss[0], loss[2])


def known_years(years=2.0, count=50):
    time = np.linspace(0.0, years * YEAR, count)
    return HealthHistory.of(time, 1.0 - 0.02 * time / YEAR)


def stays(history, ahead_s):
    return HealthForecast(ahead_s, history.soh[-1] + STEADY[:, None] * np.ones(len(ahead_s)), "stays")


def goes_on(history, ahead_s):
    return HealthForecast(ahead_s, history.soh[-1] - 0.02 * ahead_s / YEAR + STEADY[:, None], "goes on")


def test_a_back_test_shows_a_forecaster_nothing_of_what_follows():
    seen = []

    def spy(history, ahead_s):
        seen.append((history.time_s[-1], ahead_s[0]))
        return goes_on(history, ahead_s)

    assert rolling_origin(known_years(), spy, origins=(0.5, 0.75)).absolute_error == pytest.approx(0.0, abs=1e-12)
    assert [now / YEAR for now, _ in seen] == [pytest.approx(0.98, abs=0.03), pytest.approx(1.47, abs=0.03)]
    assert all(ahead > 0 for _, ahead in seen)


def test_the_best_by_back_test_is_chosen_and_says_why():
    choice = choose_best(known_years(), {"stays": stays, "goes on": goes_on})

    assert choice.name == "goes on"
    assert choice.reason.startswith("goes on had the smallest pinball loss in a back-test on this battery (goes on 0.0")


def test_a_forecaster_that_refuses_is_not_chosen_and_without_any_the_first_is():
    def refuses(history, ahead_s):
        raise CannotForecast("No.", "Wait.", "history")

    assert choose_best(known_years(), {"refuses": refuses, "stays": stays}).name == "stays"
    assert choose_best(known_years(count=1), {"refuses": refuses, "stays": stays}).reason == (
        "There is too little history for a back-test: refuses is taken."
    )


def test_forecasters_are_compared_from_the_days_that_all_of_them_could_forecast_from():
    """Fade stops after a year: who refuses to speak before knows only the easy days, yet must not win by that."""
    time = np.linspace(0.0, 2.0, 81) * YEAR
    history = HealthHistory.of(time, np.where(time < YEAR, 1.0 - 0.1 * time / YEAR, 0.9))

    def speaks_late(known, ahead_s):
        if known.time_s[-1] < YEAR:
            raise CannotForecast("No.", "Wait.", "history")
        return HealthForecast(ahead_s, 0.9 + 2 * STEADY[:, None] * np.ones(len(ahead_s)), "late")

    choice = choose_best(history, {"late": speaks_late, "stays": stays}, origins=(0.25, 0.75))

    assert choice.name == "stays"
    assert choice.scores["late"].count == choice.scores["stays"].count == 12


def test_a_history_is_sorted_and_cleaned():
    history = HealthHistory.of(
        np.array([3.0, 1.0, 2.0, 2.0, 4.0]),
        np.array([0.7, 0.9, 0.5, 0.8, np.nan]),
        np.array([1, 2, 3, np.inf, 5]) / 100,
    )

    assert history.time_s.tolist() == [1.0, 2.0, 3.0]
    assert history.soh.tolist() == [0.9, 0.8, 0.7]
    assert history.soh_sd.tolist() == [0.02, 10.0, 0.01]


def test_columns_of_a_forecast_carry_its_quantiles():
    columns = falling(years=1).columns()

    assert list(columns) == ["ahead_time", "soh", "soh_q05", "soh_q25", "soh_q50", "soh_q75", "soh_q95"]
    assert columns["soh_q05"] == pytest.approx([0.92, 0.87])
    assert falling().mean == pytest.approx(falling().median)
    assert falling().level(0.15) == pytest.approx(falling().median - 0.02)


def test_soc_follows_the_load_and_ends_where_the_battery_does():
    """2 Ah, a quarter full: 1 A in for an hour, 1 A out for two, 3 A in for an hour, and 5 A asked of a full battery.

    Asked for are 1, 2 and 3 Ah; half an Ah is not there to be taken, one Ah finds no room.
    """
    hours = np.array([0.0, 1.0, 3.0, 4.0])
    outcome = soc_from_load(hours * 3600, 0.25, 2.0, current_a=np.array([1.0, -1.0, 3.0, 5.0]))

    assert outcome.soc == pytest.approx([0.25, 0.75, 0.0, 1.0])
    assert outcome.current_a == pytest.approx([1.0, -0.75, 2.0, 0.0])
    assert outcome.unmet_ah == pytest.approx(1.5)
    assert outcome.unmet_share == pytest.approx(0.25)


def test_power_becomes_current_at_the_voltage():
    outcome = soc_from_load(np.array([0.0, 3600.0]), 0.5, 2.0, power_w=-3.2, voltage_v=3.2)

    assert outcome.soc == pytest.approx([0.5, 0.0])
    assert outcome.unmet_ah == 0.0


@pytest.mark.parametrize(
    ("time", "soc", "capacity", "field"),
    [
        ([0.0, 1.0], [0.5, 0.5, 0.5], 2.0, "load"),
        ([0.0], [0.5], 2.0, "load"),
        ([0.0, 0.0], [0.5, 0.5], 2.0, "load"),
        ([0.0, 1.0], [0.5, np.nan], 2.0, "load"),
        ([0.0, 1.0], [0.5, 0.5], 0.0, "capacity_ah"),
    ],
)
def test_a_duty_that_makes_no_sense_is_refused(time, soc, capacity, field):
    columns = [np.array(column) for column in (time, soc, time, soc)]
    with pytest.raises(CannotForecast) as refused:
        Duty(*columns, capacity)
    assert refused.value.field == field
