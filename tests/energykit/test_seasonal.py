"""Forecasts of quarters against loads whose law is known."""

import numpy as np
import pytest

from energykit.seasonal import LEVELS, TooLittleHistory, as_a_week_ago, forecast, outlying, rolling_scores
from energykit.seasonal.terms import design, frequencies, penalties

DAY = 96
MONDAY = 4 * DAY  # 1970-01-05
NOON = 26 * DAY + DAY // 2  # of the fourth Saturday


def loads(count: int, length: int, correlation: float, seed: int = 1) -> np.ndarray:
    """(count, length) from Monday on: two waves a day, half of it at weekends, and AR(1) noise of 0.3 around it."""
    random = np.random.default_rng(seed)
    quarter = np.arange(length)
    day = 1.5 + np.sin(2 * np.pi * quarter / DAY - 1) + 0.5 * np.sin(4 * np.pi * quarter / DAY)
    week = np.where(quarter // DAY % 7 >= 5, 0.5, 1.0)
    noise = np.zeros((count, length))
    shocks = 0.3 * np.sqrt(1 - correlation**2) * random.standard_normal((count, length))
    for at in range(1, length):
        noise[:, at] = correlation * noise[:, at - 1] + shocks[:, at]
    return 3 + random.uniform(0.5, 2, (count, 1)) * day * week + noise


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
@pytest.mark.parametrize("ahead", [4, 96])
def test_bands_hold_what_they_promise(correlation, ahead):
    """The 90 % bands of 150 loads hold a quarter, and the sum of them all, in 83 to 98.5 % of the cases.

    A share of 150 that is 0.9 in truth strays by 0.024; three times that, and a little for bands that are wide.
    """
    history, truth = np.split(loads(150, NOON + ahead, correlation), [NOON], axis=1)
    found = forecast(history, MONDAY, ahead)
    inside = (truth >= found.quantiles[:, :, 0]) & (truth <= found.quantiles[:, :, 4])
    total = truth.sum(axis=1)
    inside_total = (total >= found.total_quantiles[:, 0]) & (total <= found.total_quantiles[:, 4])
    assert 0.83 <= inside.mean() <= 0.985
    assert 0.83 <= inside_total.mean() <= 0.985


def test_a_day_ahead_errs_little_more_than_the_noise_allows():
    """White noise of 0.3 has a mean absolute error of 0.3·√(2/π) = 0.239 that nobody can go below."""
    history, truth = np.split(loads(200, 29 * DAY, 0.0), [28 * DAY], axis=1)
    error = np.abs(forecast(history, MONDAY, DAY).mean - truth).mean()
    naive = np.abs(as_a_week_ago(history, DAY) - truth).mean()
    assert error < 1.05 * 0.3 * np.sqrt(2 / np.pi)
    assert naive == pytest.approx(np.sqrt(2) * 0.3 * np.sqrt(2 / np.pi), rel=0.03)


def test_what_repeats_exactly_is_foretold():
    quarter = np.arange(21 * DAY + DAY)
    load = (5 + np.sin(2 * np.pi * quarter / DAY))[None]
    found = forecast(load[:, : 21 * DAY], MONDAY, DAY)
    assert found.mean == pytest.approx(load[:, 21 * DAY :], abs=2e-3)
    assert found.total == pytest.approx(load[:, 21 * DAY :].sum(axis=1), rel=1e-4)


def test_the_latest_residual_fades_as_the_correlation_says():
    """An AR(1) around a constant: k quarters ahead φᵏ of the last deviation is left."""
    history = loads(1, 28 * DAY, 0.9)
    pushed = history.copy()
    pushed[0, -1] += 3.0
    lifted = forecast(pushed, MONDAY, 8).mean - forecast(history, MONDAY, 8).mean
    ratios = lifted[0, 1:] / lifted[0, :-1]
    assert ratios == pytest.approx(np.full(7, 0.9), abs=0.05)


def test_holes_are_no_zeros_and_a_series_is_forecast_as_if_it_were_alone():
    history = loads(6, 21 * DAY, 0.5)
    random = np.random.default_rng(3)
    holed = np.where(random.random(history.shape) < 0.3, np.nan, history)
    holed[2] = history[2]
    together = forecast(holed, MONDAY, DAY)
    whole = forecast(history, MONDAY, DAY)
    for one in range(6):
        alone = forecast(holed[one : one + 1], MONDAY, DAY)
        assert together.mean[one] == pytest.approx(alone.mean[0], rel=1e-9)
        assert together.quantiles[one] == pytest.approx(alone.quantiles[0], rel=1e-9)
        assert together.total_quantiles[one] == pytest.approx(alone.total_quantiles[0], rel=1e-9)
    assert together.total == pytest.approx(whole.total, rel=0.05)


def test_energy_that_was_never_negative_stays_so():
    random = np.random.default_rng(5)
    sun = np.maximum(0, np.sin(2 * np.pi * np.arange(14 * DAY) / DAY)) * random.uniform(0.2, 1, 14 * DAY)
    found = forecast(sun[None], MONDAY, DAY)
    assert found.mean.min() >= 0
    assert found.quantiles.min() >= 0
    assert np.all(np.diff(found.quantiles, axis=2) >= 0)
    assert forecast(-sun[None], MONDAY, DAY).mean.min() < 0


def test_nothing_but_zeros_is_foretold_as_zero():
    found = forecast(np.zeros((2, 7 * DAY)), MONDAY, DAY)
    assert np.all(found.mean == 0)
    assert np.all(found.total_quantiles == 0)


def test_less_than_a_day_is_refused():
    short = np.full((2, 2 * DAY), np.nan)
    short[0] = 1.0
    short[1, :95] = 1.0
    with pytest.raises(TooLittleHistory) as refusal:
        forecast(short, MONDAY, 4)
    assert (refusal.value.have, refusal.value.need) == (95, 96)


@pytest.mark.parametrize("weekly", [False, True])
def test_columns_and_what_is_said_of_them_go_together(weekly):
    columns = design(MONDAY + np.arange(14 * DAY), weekly)
    assert columns.shape[1] == len(penalties(weekly)) == len(frequencies(weekly))
    turns = np.abs(np.fft.rfft(columns[:, 1]))
    assert np.argmax(turns) / (14 * DAY) == frequencies(weekly)[1]


def test_weekends_are_saturday_and_sunday():
    weekend = design(MONDAY + DAY * np.arange(7), weekly=True)[:, -12]  # cos of the day's first wave is 1 at midnight
    assert weekend.tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_as_a_week_ago_takes_the_newest_it_finds():
    """By hand: ten days; the newest Monday is missing at 00:00, so the week before is taken; 00:15 was never seen."""
    history = np.arange(10.0 * DAY).reshape(1, -1)
    history[0, 7 * DAY + np.array([1])] = np.nan
    history[0, 1] = np.nan
    ahead = as_a_week_ago(history[:, : 7 * DAY], 3)[0]
    assert ahead.tolist() == [0.0, 6 * DAY + 1, 2.0]
    assert as_a_week_ago(history, 2)[0].tolist() == [3.0 * DAY, 3 * DAY + 1]


def test_scores_are_made_with_what_was_known_then():
    """A load that grows by one a day, foretold as yesterday's, is one too low at each quarter and 96 a day."""
    load = np.repeat(np.arange(10.0), DAY)[None]
    seen = []

    def as_yesterday(observed: np.ndarray, first_quarter: int, ahead: int) -> np.ndarray:
        seen.append(observed.shape[1])
        return observed[:, -ahead:]

    score = rolling_scores(load, MONDAY, DAY, as_yesterday, origins=3)
    assert seen == [9 * DAY, 8 * DAY, 7 * DAY]
    assert score.quarter_error.tolist() == [1.0]
    assert score.total_error.tolist() == [96.0]
    assert score.origins == 3


def test_quantiles_are_where_their_levels_say():
    assert LEVELS == (0.05, 0.25, 0.5, 0.75, 0.95)
    history, truth = np.split(loads(300, 29 * DAY, 0.0), [28 * DAY], axis=1)
    below = (truth[:, :, None] <= forecast(history, MONDAY, DAY).quantiles).mean(axis=(0, 1))
    assert below == pytest.approx(LEVELS, abs=0.02)


def test_what_is_unlike_other_days_is_outlying():
    """By hand: seven days alike but for 0.5 more every other day; 20 more on one quarter is marked, and no other."""
    quarter = np.arange(7 * DAY)
    load = 10 + 5 * np.sin(2 * np.pi * quarter / DAY) + 0.5 * (quarter // DAY % 2)
    load[3 * DAY + 40] += 20
    load[100] = np.nan
    assert np.flatnonzero(outlying(load, MONDAY)).tolist() == [3 * DAY + 40]
    assert not outlying(load[: 3 * DAY], MONDAY).any()
    assert not outlying(np.full(7 * DAY, np.nan), MONDAY).any()


def test_a_weekend_is_held_against_weekends_and_a_noisy_hour_against_itself():
    """By hand: four weeks whose Saturdays and Sundays use a tenth; noon differs from day to day, midnight does not."""
    load = np.full((28, DAY), 10.0)
    load[np.arange(28) % 7 >= 5] = 1.0
    load[:, 40:57] += 2.0 * np.where(np.arange(28) % 2, 1, -1)[:, None] * (load[:, 40:57] > 5)
    assert not outlying(load.ravel(), MONDAY).any()
    load[5, 10] = 10.0  # a Saturday like a Friday
    load[8, 10] = 1.0  # a Tuesday like a Sunday
    assert np.flatnonzero(outlying(load.ravel(), MONDAY)).tolist() == [5 * DAY + 10, 8 * DAY + 10]
