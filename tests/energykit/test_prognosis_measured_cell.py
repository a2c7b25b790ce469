"""A real cell: the first half of its measured cycles known, the second half as the truth."""

import numpy as np
import pytest
import tables

from energykit.prognosis.ageing import forecast_ageing
from energykit.prognosis.duty import Duty, soc_from_load
from energykit.prognosis.health import HealthHistory
from energykit.prognosis.scoring import score
from energykit.prognosis.trend import forecast_trend


@pytest.fixture
def half_a_life(shared_data):
    """Known history, its throughput ahead, its duty, and the measured SOH that followed."""
    with tables.open_file(shared_data("batch_B10A_cell_3.h5")) as file:
        cycle, rows = file.root.cycle_stats[:], file.root.raw_data
        seconds, current = rows.col("test_time")[::5].astype(float), rows.col("current")[::5].astype(float)
    whole = cycle["capacity_discharge"] > 0.75  # Ah; the others were broken off
    new = np.median(cycle["capacity_discharge"][1:6])
    time = (cycle["cycle_start"] + cycle["cycle_duration"])[whole]
    moved = np.cumsum(cycle["capacity_charge"] + cycle["capacity_discharge"])[whole]
    history = HealthHistory.of(time, cycle["capacity_discharge"][whole] / new, throughput_ah=moved)
    half = len(history) // 2
    known, later = history.part(slice(0, half)), history.part(slice(half, None))
    rows_known = np.append(np.diff(seconds) > 0, True) & (seconds <= known.time_s[-1])
    seconds, current = seconds[rows_known], current[rows_known]
    soc = soc_from_load(seconds, 0.0, new, current_a=current).soc
    duty = Duty(seconds, soc, current, np.full(len(seconds), 25.0), new)
    return known, later, later.throughput_ah - known.throughput_ah[-1], duty


def test_both_forecasts_hold_the_second_half_of_its_life_in_their_bands(half_a_life):
    """It goes on from 70 % to 54 % while its fade slows down."""
    known, later, moved, duty = half_a_life
    ahead = later.time_s - known.time_s[-1]

    for forecast, largest in (
        (forecast_trend(known, ahead, moved), 0.05),
        (forecast_ageing(known, duty, duty, ahead, "nmc"), 0.02),
    ):
        (found,) = score(forecast, ahead, later.soh, (0.0, np.inf))
        assert found.inside_90 > 0.9
        assert found.absolute_error < largest
