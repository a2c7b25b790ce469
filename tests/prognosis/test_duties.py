"""What a load does to a battery ahead: rounds that are repeated, and temperatures longer than a round."""

import numpy as np
import pytest

from energykit.prognosis.health import HealthHistory
from prognosis.forecasting.duties import duties_of, throughput_ahead
from prognosis.forecasting.layout import load_columns
from prognosis.forecasting.load import load_from
from prognosis.forecasting.past import Past

HOUR, DAY = 3600.0, 86_400.0
WARMTH_OF_A_DAY = {"test_time": [0, DAY / 2], "temperature": [10, 20]}
# Of 3 Ah, half full.
PAST = Past(None, None, HealthHistory(np.zeros(1), np.ones(1), np.zeros(1)), reference=3.0, newest=0.0, soc=0.5)


def duties(values):
    return duties_of(load_from(values, resolution=None), PAST, None, None)


def test_a_battery_that_is_full_after_a_day_takes_no_more_on_the_days_after_it():
    # 0.5 A fill the 1.5 Ah that are missing in three hours; it must not begin each day half full.
    made = duties({"ahead_time": 100 * DAY, "current": 0.5, "temperature": WARMTH_OF_A_DAY})
    assert throughput_ahead(made, np.array([100 * DAY]))[0] <= 1.5
    assert made[0].soc == pytest.approx(np.ones(len(made[0].soc)))


def test_a_battery_that_fills_slowly_does_not_begin_each_day_as_full_as_today():
    # 1 mA need 1500 h for the 1.5 Ah that are missing: 62.5 days; after 25 days 0.6 Ah.
    made = duties({"ahead_time": 100 * DAY, "current": 0.001, "temperature": WARMTH_OF_A_DAY})
    assert throughput_ahead(made, np.array([25, 100]) * DAY) == pytest.approx([0.6, 1.5])
    assert np.average(made[0].temperature_c[:-1], weights=np.diff(made[0].time_s)) == pytest.approx(15.0)


SEASONS = {"test_time": [0, 182 * DAY], "temperature": [5, 35]}
ALTERNATING = {"test_time": [0, HOUR / 2], "current": [1.0, -1.0]}


def mean_temperature(duty):
    return np.sum(duty.temperature_c[:-1] * np.diff(duty.time_s)) / duty.seconds


@pytest.mark.parametrize("load", [{"current": 0.1}, {"profile": ALTERNATING, "repeat": "day"}])
def test_seasons_are_seen_whole(load):
    (duty,) = duties({"ahead_time": 10 * 364 * DAY, **load, "temperature": SEASONS})
    assert duty.seconds == pytest.approx(364 * DAY)
    assert mean_temperature(duty) == pytest.approx(20.0)
    assert (duty.temperature_c[0], duty.temperature_c[-1]) == pytest.approx((5, 35))


def test_a_round_of_an_hour_sees_the_whole_day():
    (duty,) = duties({"ahead_time": 10 * DAY, "profile": ALTERNATING, "repeat": HOUR, "temperature": WARMTH_OF_A_DAY})
    assert (duty.seconds, mean_temperature(duty)) == (DAY, pytest.approx(15.0))
    assert np.interp([6 * HOUR, 18 * HOUR], duty.time_s, duty.temperature_c).tolist() == [10, 20]
    # Half an hour of 1 A up and down again each hour: 1 Ah an hour, 24 Ah a day.
    assert throughput_ahead([duty], np.array([DAY, 10 * DAY])) == pytest.approx([24, 240])


def test_short_rounds_in_a_long_profile_are_fewer_but_as_warm():
    load = {"ahead_time": 3640 * DAY, "profile": {"test_time": [0, 5], "current": [1, -1]}, "repeat": 10}
    (duty,) = duties({**load, "temperature": SEASONS})
    assert len(duty.time_s) <= 50_001
    assert mean_temperature(duty) == pytest.approx(20.0, abs=0.01)


def test_after_its_end_a_temperature_begins_anew():
    load = load_from({"ahead_time": 728 * DAY, "resolution": 182 * DAY, "current": 0.0, "temperature": SEASONS})
    assert load_columns(load)["temperature"] == pytest.approx([5, 35, 5, 35])
