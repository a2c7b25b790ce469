"""Trends of SOH: what they find, what they promise, what they refuse."""

import numpy as np
import pytest
from scipy.special import stdtrit

from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import HealthHistory
from energykit.prognosis.lines import fitted_lines
from energykit.prognosis.trend import forecast_trend
from tests.energykit.prognosis_duties import DAY, YEAR

AHEAD = np.array([0.0, 0.25, 0.5, 1.0, 2.0]) * YEAR


def history(soh_of_years, years=2.0, count=100, noise=0.001, seed=0, **more):
    time = np.linspace(0.0, years * YEAR, count)
    soh = soh_of_years(time / YEAR) + np.random.default_rng(seed).normal(0.0, noise, count)
    return HealthHistory.of(time, soh, **more)


def width(forecast):
    return forecast.level(0.95) - forecast.level(0.05)


def test_a_line_goes_on_as_a_line():
    forecast = forecast_trend(history(lambda years: 1.0 - 0.02 * years), AHEAD)

    assert forecast.median == pytest.approx(0.96 - 0.02 * AHEAD / YEAR, abs=0.004)
    assert forecast.model.startswith("Trend: a line in time")


def test_a_root_goes_on_as_a_root():
    forecast = forecast_trend(history(lambda years: 1.0 - 0.03 * np.sqrt(years)), AHEAD)

    assert forecast.median == pytest.approx(1.0 - 0.03 * np.sqrt(2.0 + AHEAD / YEAR), abs=0.004)
    assert forecast.model.startswith("Trend: a root in time")


def test_what_a_battery_moves_counts_where_it_moves_less_than_before():
    """2 % a 1,000 Ah; a year of 1,000 Ah, a year of 200 Ah, and 200 Ah a year ahead."""
    years = np.linspace(0.0, 2.0, 100)
    moved = np.where(years < 1, 1000.0 * years, 800.0 + 200.0 * years)
    soh = 1.0 - 2e-5 * moved + np.random.default_rng(0).normal(0.0, 0.0005, 100)
    known = HealthHistory.of(years * YEAR, soh, throughput_ah=moved)
    forecast = forecast_trend(known, AHEAD, 200.0 * AHEAD / YEAR)

    assert forecast.model.startswith("Trend: a line in throughput")
    assert forecast.median == pytest.approx(0.976 - 0.004 * AHEAD / YEAR, abs=0.002)


def test_bands_grow_with_the_horizon_and_are_wider_than_the_scatter():
    forecast = forecast_trend(history(lambda years: 1.0 - 0.02 * years, noise=0.003), AHEAD)

    assert np.all(np.diff(width(forecast)) > 0)
    assert width(forecast)[0] > 0.9 * 2 * 1.645 * 0.003
    assert width(forecast)[-1] > 3 * 2 * 1.645 * 0.003


@pytest.mark.parametrize("kind", ["line", "root", "both"])
def test_bands_hold_what_they_promise(kind):
    """Of 60 cells each, 1.5 years known with errors that last a month, the truth up to 3 years ahead."""
    shape = {"line": (0.02, 0.0), "root": (0.0, 0.03), "both": (0.012, 0.015)}[kind]
    ahead, inside = np.array([0.5, 1.0, 2.0, 3.0]) * YEAR, []
    for seed in range(60):
        chance = np.random.default_rng([seed, 7])
        linear, root = shape * chance.uniform(0.5, 1.5, 2)
        years = np.linspace(0.0, 1.5, 80)
        error = np.convolve(chance.normal(0.0, 0.002, 83), np.full(4, 0.5), "valid")
        truth = [1.0 - linear * at - root * np.sqrt(at) for at in (years, 1.5 + ahead / YEAR)]
        forecast = forecast_trend(HealthHistory.of(years * YEAR, truth[0] + error, np.full(80, 0.003)), ahead)
        inside.append((forecast.level(0.05) < truth[1]) & (truth[1] < forecast.level(0.95)))
    assert np.mean(inside) >= 0.85
    assert np.all(np.mean(inside, axis=0) > 0.8)


def test_a_thousand_echoes_of_an_estimate_are_no_more_certain_than_it():
    """A filter tells at each row what it told at the last: 60 estimates, each repeated 50 times within the day."""
    alone = history(lambda years: 1.0 - 0.02 * years, count=60, noise=0.004)
    time = (alone.time_s[:, None] + np.linspace(0.0, DAY, 50)).ravel()
    echoed = HealthHistory.of(time, np.repeat(alone.soh, 50))

    assert width(forecast_trend(echoed, AHEAD)) == pytest.approx(width(forecast_trend(alone, AHEAD)), rel=0.25)


def test_a_slope_found_among_errors_that_last_knows_how_unsure_it_is():
    """Errors that last ten estimates, over 200 histories: taken for independent they would hold some 40 %, not 90 %."""
    chance, inside = np.random.default_rng(5), []
    years = np.linspace(0.0, 1.0, 60)
    for _ in range(200):
        lasting = np.convolve(chance.normal(0.0, 0.003, 69), np.full(10, 10**-0.5), "valid")
        line = fitted_lines(years[None], 1.0 - 0.1 * years + lasting, np.ones((1, 60)), np.array([[0.003]]))
        inside.append((abs(line.slope + 0.1) < stdtrit(line.degrees, 0.95) * np.sqrt(line.slope_variance)).item())

    assert 0.8 < np.mean(inside) < 0.99


def test_an_estimate_that_doubts_itself_pulls_little():
    """A filter's first guesses: at 1.05 with a deviation of 0.1, for a cell at 0.95."""
    known = history(lambda years: 0.95 - 0.02 * years)
    soh, sd = known.soh.copy(), np.full(100, 0.002)
    soh[:40], sd[:40] = 1.05, 0.1
    forecast = forecast_trend(HealthHistory.of(known.time_s, soh, sd), AHEAD)

    assert forecast.median[-1] == pytest.approx(0.87, abs=0.01)


def test_one_wild_measurement_changes_little():
    known = history(lambda years: 1.0 - 0.02 * years)
    soh = known.soh.copy()
    soh[40] = 0.2
    forecast = forecast_trend(HealthHistory.of(known.time_s, soh), AHEAD)

    assert forecast.median[-1] == pytest.approx(0.92, abs=0.006)


def test_health_that_seems_to_rise_is_forecast_to_stay():
    forecast = forecast_trend(history(lambda years: 0.9 + 0.01 * years), AHEAD)

    assert np.all(np.diff(forecast.quantiles, axis=1) <= 0)
    assert forecast.median == pytest.approx(np.full(5, 0.91), abs=0.006)


@pytest.mark.parametrize("count", [2, 3])
def test_few_estimates_make_wide_bands(count):
    few, many = (history(lambda years: 1.0 - 0.02 * years, count=each, noise=0.0) for each in (count, 50))
    forecast = forecast_trend(few, AHEAD)

    assert forecast.median[-1] == pytest.approx(0.92, abs=0.02)
    assert width(forecast)[-1] > 1.5 * width(forecast_trend(many, AHEAD))[-1]
    assert forecast.model == "Trend: lines and roots alike, because there are too few estimates to try which fits."


@pytest.mark.parametrize("times", [[], [5.0], [5.0, 5.0]])
def test_below_two_estimates_it_refuses_and_says_the_way_out(times):
    with pytest.raises(CannotForecast) as refused:
        forecast_trend(HealthHistory.of(np.array(times), np.ones(len(times))), AHEAD)

    assert refused.value.field == "history"
    assert refused.value.hint == "Wait for more rows, or take the ageing model, which needs no history."


def test_estimates_at_two_times_a_second_apart_say_nothing_of_years_and_break_nothing():
    forecast = forecast_trend(HealthHistory.of(np.array([0.0, 1.0]), np.array([0.95, 0.951])), AHEAD)

    assert np.all((forecast.quantiles >= 0) & (forecast.quantiles <= 1.05))
    assert width(forecast)[-1] > 0.8
