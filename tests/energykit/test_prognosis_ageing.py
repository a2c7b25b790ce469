"""Forecasts by published equations, scaled to a cell's own history."""

import numpy as np
import pytest

from energykit.prognosis.ageing import PRESETS, forecast_ageing
from energykit.prognosis.duty import Duty
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import HealthHistory
from tests.energykit.prognosis_duties import DAY, YEAR, daily_cycle, storage

AHEAD = np.linspace(0.0, 5 * YEAR, 61)


def lfp_stored(days, scale=1.0):
    """Naumann et al. 2018 at 25 °C, SOC 0.5."""
    return scale * 1.2571e-5 * 0.60225 * np.sqrt(days * DAY)


def stored_history(days, scale, noise=0.001, seed=1):
    time = np.linspace(0.0, days * DAY, 200)
    soh = 1.0 - lfp_stored(time / DAY, scale) + np.random.default_rng(seed).normal(0.0, noise, len(time))
    return HealthHistory.of(time, soh, np.full(len(time), 0.003))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_without_history_the_median_is_the_published_curve(preset):
    model = PRESETS[preset]
    forecast = forecast_ageing(None, None, storage(soc=0.5, celsius=25.0), AHEAD, preset)
    rate = float(model.calendar_rate(np.array([0.5]), np.array([25.0]))[0])

    assert forecast.median == pytest.approx(1.0 - rate * (AHEAD / DAY) ** model.calendar_exponent, abs=1e-4)
    assert forecast.level(0.05)[-1] < 1 - 1.5 * (1 - forecast.median[-1])
    assert forecast.level(0.95)[-1] > 1 - 0.6 * (1 - forecast.median[-1])


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 8.0])
def test_a_cell_that_ages_faster_or_slower_than_published_is_followed(scale):
    history = stored_history(400, scale)
    forecast = forecast_ageing(history, storage(days=400.0), storage(), AHEAD, "lfp")
    truth = 1.0 - lfp_stored(400 + AHEAD / DAY, scale)

    assert np.max(np.abs(forecast.median - truth)) < 0.15 * (1 - truth[-1])
    assert np.all((forecast.level(0.05) < truth) & (truth < forecast.level(0.95)))


def test_a_history_makes_the_bands_narrower_and_a_longer_one_more_so():
    def width(history):
        forecast = forecast_ageing(history, None, storage(), AHEAD, "lfp")
        return float((forecast.level(0.95) - forecast.level(0.05))[-1])

    assert width(stored_history(700, 1.0)) < width(stored_history(100, 1.0)) < 0.8 * width(None)


def test_a_past_like_the_future_may_be_left_out():
    history = stored_history(400, 1.3)
    told, untold = (forecast_ageing(history, past, storage(), AHEAD, "lfp") for past in (storage(days=400.0), None))

    assert told.quantiles == pytest.approx(untold.quantiles)


def test_cooler_gentler_and_emptier_is_healthier():
    def at_end(**duty):
        past = daily_cycle(days=300)
        return forecast_ageing(stored_history(300, 1.0), past, daily_cycle(**duty), AHEAD, "lfp").median[-1]

    today = at_end()
    assert at_end(celsius=15.0) > today + 0.005
    assert at_end(depth=0.4) > today + 0.005
    assert at_end(c_rate=0.8) < today


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_quantiles_are_in_order_and_never_rise(preset):
    for history in (None, stored_history(30, 3.0), stored_history(500, 0.1, noise=0.01)):
        quantiles = forecast_ageing(history, None, daily_cycle(), AHEAD, preset).quantiles
        assert np.all(np.diff(quantiles, axis=0) >= 0)
        assert np.all(np.diff(quantiles, axis=1) <= 0)
        assert np.all(quantiles >= 0)


def test_a_history_that_begins_in_mid_life_is_no_new_cell():
    """From 87 % on it falls 1.5 % in a year: as new it would lose that in weeks, and far more in five years."""
    time = np.linspace(0.0, 365 * DAY, 100)
    soh = 0.87 - 0.015 * time / time[-1] + np.random.default_rng(3).normal(0.0, 0.001, 100)
    forecast = forecast_ageing(HealthHistory.of(time, soh), None, storage(), AHEAD, "lfp")

    assert forecast.median[0] == pytest.approx(0.855, abs=0.003)
    assert 0.78 < forecast.median[-1] < 0.83


def test_the_forecast_goes_on_from_the_latest_estimates():
    """The last of 60 estimates lie 1 % below what all before them say."""
    known = stored_history(400, 1.0, noise=0.0005).part(slice(0, 200, 4))
    soh = known.soh - 0.01 * (known.time_s > 350 * DAY)
    forecast = forecast_ageing(HealthHistory.of(known.time_s, soh), None, storage(), AHEAD, "lfp")

    assert forecast.median[0] == pytest.approx(soh[-1], abs=0.003)


def test_a_cell_that_does_not_heed_temperature_is_not_told_that_it_does():
    """Weeks at 45 °C and at 5 °C in turn, and a steady fade all the while."""
    days = np.arange(0.0, 400.25, 0.25)
    celsius = np.where(days // 50 % 2 == 0, 45.0, 5.0)
    past = Duty(days * DAY, np.full(len(days), 0.5), np.zeros(len(days)), celsius, 3.0)
    known = stored_history(400, 1.0, noise=0.0005)

    hot, cold = (forecast_ageing(known, past, storage(celsius=c), AHEAD, "lfp").median[-1] for c in (45.0, 5.0))
    hot_as_published, cold_as_published = (
        forecast_ageing(None, None, storage(celsius=c), AHEAD, "lfp").median[-1] for c in (45.0, 5.0)
    )
    assert 0 < cold - hot < 0.6 * (cold_as_published - hot_as_published)


def test_the_same_question_has_the_same_answer():
    first, second = (forecast_ageing(stored_history(300, 1.0), None, daily_cycle(), AHEAD, "nca") for _ in range(2))
    assert np.array_equal(first.quantiles, second.quantiles)


def test_the_words_say_which_equations_and_how_they_were_scaled():
    assert forecast_ageing(None, None, storage(), AHEAD, "nca").model == (
        "Ageing: NCA / graphite (Panasonic NCR18650B, 3.2 Ah) as published; "
        "there are no estimates of this battery to scale it by."
    )
    scaled = forecast_ageing(stored_history(400, 1.5), None, storage(), AHEAD, "lfp")
    assert scaled.model.startswith("Ageing: LFP / graphite (Sony-Murata 26650, 3 Ah), scaled to this battery: calendar")
    assert scaled.details["calendar_scale"] == pytest.approx(1.5, rel=0.15)


@pytest.mark.parametrize(("future", "preset", "field"), [([], "lfp", "load"), (storage(), "lto", "preset")])
def test_a_refusal_names_the_field(future, preset, field):
    with pytest.raises(CannotForecast) as refused:
        forecast_ageing(None, None, future, AHEAD, preset)
    assert refused.value.field == field
