"""Whatever the history, forecasts are numbers in order that never rise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from energykit.prognosis.ageing import forecast_ageing
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import HealthHistory
from energykit.prognosis.trend import forecast_trend
from tests.energykit.prognosis_duties import YEAR, daily_cycle

AHEAD = np.array([0.0, 0.001, 1.0, 10.0]) * YEAR


@st.composite
def histories(draw):
    count = draw(st.integers(1, 90))
    times = draw(arrays(float, count, elements=st.floats(0, 1e9)))
    soh = draw(arrays(float, count, elements=st.floats(0.0, 1.5)))
    deviation = draw(arrays(float, count, elements=st.floats(0.0, 0.5)))
    moved = np.sort(draw(arrays(float, count, elements=st.sampled_from([0.0, 1.0, 50.0, 1e4]))))
    return HealthHistory.of(np.sort(times), soh, deviation, moved)


def is_sound(forecast):
    assert np.all(np.isfinite(forecast.quantiles))
    assert np.all(forecast.quantiles >= 0)
    assert np.all(np.diff(forecast.quantiles, axis=0) >= -1e-12)
    assert np.all(np.diff(forecast.quantiles, axis=1) <= 0)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_trend_of_any_history_is_sound(history):
    if len(history) < 2:
        with pytest.raises(CannotForecast):
            forecast_trend(history, AHEAD)
    else:
        is_sound(forecast_trend(history, AHEAD, 100.0 * AHEAD / YEAR))


@settings(max_examples=40, deadline=None)
@given(histories(), st.sampled_from(["lfp", "nmc", "nca"]), st.floats(-20, 60), st.floats(0.01, 1.0))
def test_ageing_of_any_history_under_any_duty_is_sound(history, preset, celsius, depth):
    is_sound(forecast_ageing(history, None, daily_cycle(depth, celsius), AHEAD, preset))
