"""Rows that are missing, late, doubled or absurd never harm a filter, and none is forgotten in the counts."""

import numpy as np
import pytest

from energykit.ukf import Counts, FilterRows, FleetFilter, Outcome, run_filter
from tests.energykit.cells import cell_with, diagonal, drive

NAN = float("nan")


def rows_of(*rows):
    return FilterRows(*np.array(rows, dtype=float).T)


def inserted(rows, place, row):
    return FilterRows(*(np.insert(getattr(rows, name), place, value) for name, value in zip(NAMES, row, strict=True)))


NAMES = ("time", "current", "voltage")


@pytest.fixture(params=[1, 12], ids=["floats", "arrays"])
def run(request):
    """Runs rows through a filter, alone or in a fleet where all have the same."""

    def run_in_fleet(parameters, rows):
        fleet = FleetFilter([parameters] * request.param)
        return fleet.advance([rows] * request.param)[0], fleet.counts(0)

    return run_in_fleet


@pytest.mark.parametrize("column", range(3), ids=NAMES)
@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf"), 1e15, 1e300])
def test_a_row_without_a_reading_is_passed_over_as_if_it_had_not_come(run, column, value):
    parameters, good = cell_with(1), drive(40)
    bad = [good.time[19] + 0.1, 0.5, 3.7]
    bad[column] = value

    without, _ = run(parameters, good)
    result, counts = run(parameters, inserted(good, 20, bad))

    assert result.skipped[20] == Outcome.NOT_FINITE
    assert counts == Counts(stepped=39, not_finite=1)
    np.testing.assert_array_equal(np.delete(result.means, 20, axis=0), without.means)
    np.testing.assert_array_equal(result.means[20], result.means[19])
    np.testing.assert_array_equal(result.covariances[20], result.covariances[19])
    assert np.isnan([result.predicted_voltage[20], result.innovation[20], result.innovation_variance[20]]).all()


def test_rows_older_than_one_already_taken_are_passed_over(run):
    parameters = cell_with(0)
    ordered = rows_of((0, 1, 3.7), (10, 1, 3.71), (20, 1, 3.72), (20, 1, 3.72), (31, 1, 3.73))
    shuffled = rows_of(
        (0, 1, 3.7), (10, 1, 3.71), (20, 1, 3.72), (5, -9, 2.0), (19, -9, 2.0), (20, 1, 3.72), (31, 1, 3.73)
    )

    expected, _ = run(parameters, ordered)
    result, counts = run(parameters, shuffled)

    assert result.skipped.tolist() == [1, 0, 0, 3, 3, 0, 0]
    assert counts == Counts(stepped=4, backwards=2)
    np.testing.assert_array_equal(result.means[result.stepped], expected.means[expected.stepped])


def test_a_row_older_than_the_last_call_is_passed_over(run):
    parameters = cell_with(0)
    first = FleetFilter([parameters])
    first.advance([rows_of((0, 1, 3.7), (100, 1, 3.7))])
    later = FleetFilter([parameters])
    later.restore(0, first.checkpoint(0))

    [result] = later.advance([rows_of((99, 1, 3.7), (101, 1, 3.7))])

    assert result.skipped.tolist() == [Outcome.BACKWARDS, Outcome.STEPPED]
    np.testing.assert_array_equal(result.means[0], first.advance([rows_of((0, 0, 0))])[0].means[0])


def test_rows_at_the_same_time_are_stepped_and_move_no_charge(run):
    parameters = cell_with(  # a capacity that is known, and a voltage that says nothing
        1, process_noise=(0.0,) * 5, initial_covariance=diagonal([1e-2, 1e-2, 1e-6, 1e-18, 1e-6]), sensor_variance=1e6
    )

    result, counts = run(parameters, rows_of((0, 2, 3.7), (60, 2, 3.7), (60, -2, 3.6), (60, 2, 3.7)))

    assert counts == Counts(stepped=3)
    # 0.99 of 2 A for a minute in 2.5 Ah
    assert result.means[1, 0] == pytest.approx(0.6 + 0.99 * 2 / 60 / 2.5, abs=1e-6)
    np.testing.assert_allclose(result.means[2:, 0], result.means[1, 0], rtol=0, atol=1e-6)
    assert np.isfinite(result.means).all()
    assert np.isfinite(result.covariances).all()


def test_the_first_row_is_only_the_control_of_the_second(run):
    parameters = cell_with(0, sensor_variance=1e6)

    result, counts = run(parameters, rows_of((500, -2.5, 2.0), (536, 1, 3.7)))

    assert result.skipped.tolist() == [Outcome.FIRST_CONTROL, Outcome.STEPPED]
    assert counts == Counts(stepped=1)
    assert result.means[0].tolist() == list(parameters.initial_mean)
    # 36 s at -1 C: one per cent, drawn without loss
    assert result.means[1, 0] == pytest.approx(0.6 - 0.01, abs=2e-4)


def test_a_first_row_without_a_reading_leaves_the_next_to_be_the_first_control(run):
    result, counts = run(cell_with(0), rows_of((0, NAN, 3.7), (10, 1, 3.7), (20, 1, 3.7)))

    assert result.skipped.tolist() == [Outcome.NOT_FINITE, Outcome.FIRST_CONTROL, Outcome.STEPPED]
    assert counts == Counts(stepped=1, not_finite=1)


def test_a_step_whose_arithmetic_breaks_keeps_the_state_before_it(run):
    # With four states the points reach 3 standard deviations: 3 Ah - 3·1 Ah is a cell without capacity.
    parameters = cell_with(0, capacity_ah=3.0, initial_covariance=diagonal([1e-2, 1e-6, 1.0, 1e-4]))

    result, counts = run(parameters, rows_of((0, 1, 3.7), (10, 1, 3.7), (20, 0, 3.7)))

    assert result.skipped.tolist() == [Outcome.FIRST_CONTROL, Outcome.DIVERGED, Outcome.DIVERGED]
    assert counts == Counts(diverged=2)
    np.testing.assert_array_equal(result.means, [parameters.initial_mean] * 3)
    assert np.isnan(result.innovation).all()


def test_a_temperature_changes_nothing_where_the_cell_does_not_depend_on_it():
    rows = drive(5)
    warm = FilterRows(rows.time, rows.current, rows.voltage, temperature=np.array([NAN, 0.0, 60.0, -1e300, 25.0]))

    np.testing.assert_array_equal(run_filter(cell_with(0), warm).means, run_filter(cell_with(0), rows).means)
