"""The filter's 95 % bands hold the known truth of simulated cells, whatever they do and however they are logged.

The same over 200 cells, by chemistry, duty and logging: `python -m benchmarks.coverage`.
"""

import numpy as np
import pytest

from benchmarks.coverage import LOGGED, TITLES, fleet_of, measure
from energykit.simulation import simulated_fleet
from energykit.ukf import FilterRows, FleetFilter

DAY = 86_400.0


@pytest.fixture(scope="module")
def covered():
    """Two of each chemistry and duty, at most every sixth of them logged in the same way."""
    return measure(fleet_of(24, seed=7))


@pytest.mark.parametrize("quantity", range(3), ids=TITLES)
def test_a_band_of_95_per_cent_holds_the_truth_as_often_as_it_says(covered, quantity):
    """90 to 99 % over 200 cells; of so few as here one that errs for long is several per cent."""
    assert {each.logged for each in covered} == set(LOGGED)
    assert 0.9 <= np.mean([each.inside[quantity] for each in covered]) <= 0.997
    for chemistry in ("nmc", "nca", "lfp", "lco"):
        shares = [each.inside[quantity] for each in covered if each.chemistry == chemistry]
        assert np.mean(shares) >= 0.85, chemistry


def test_voltages_scatter_as_the_filter_expects(covered):
    """The mean NIS of thousands of rows is 1 within a few per cent where filter and cell agree."""
    assert np.mean([each.nis for each in covered]) == pytest.approx(1.0, abs=0.05)
    assert all(0.85 < each.nis < 1.15 for each in covered)


def test_a_guessed_start_is_wrong_at_first_and_found_within_a_week():
    """The preset is not the cell: SOC, capacity and resistance are all off by up to 5, 3 and 10 %."""
    fleet = simulated_fleet(6, seed=3)
    lives = [cell.advance(7 * DAY, 300.0) for cell in fleet]
    rows = [FilterRows(*(life[name] for name in ("test_time", "current", "voltage"))) for life in lives]

    for life, result in zip(
        lives, FleetFilter([cell.filter_parameters() for cell in fleet]).advance(rows), strict=True
    ):
        first, last = np.abs(result.means[[0, -1], 3] / life["true_capacity"][[0, -1]] - 1)
        assert last < max(0.01, 0.6 * first)
        assert abs(result.means[-1, 0] - life["true_soc"][-1]) < 0.02
