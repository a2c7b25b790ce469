"""A battery gets the same bits alone, in any company, and however its rows are cut into calls."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energykit.errors import BadRows
from energykit.ukf import FilterRows, FleetFilter, FleetRows, Outcome, run_filter
from tests.energykit.cells import cell_with, diagonal, drive

TAKEN = ("time", "current", "voltage", "temperature")
COLUMNS = ("means", "covariances", "predicted_voltage", "innovation", "innovation_variance", "skipped")


def bits(result):
    return {name: getattr(result, name).tobytes() for name in COLUMNS}


def cut(rows, begin, end):
    columns = (getattr(rows, each) for each in TAKEN)
    return FilterRows(*(None if each is None else each[begin:end] for each in columns))


def battery(place):
    """Cells of all families, each with its own capacity, table, rows and, some, gate or dependence on temperature."""
    parameters = cell_with(
        place % 3,
        capacity_ah=2.0 + 0.01 * place,
        initial_soc=0.3 + 0.002 * (place % 100),
        has_hysteresis=place % 4 != 3,
        hysteresis_seconds=600.0 + place if place % 8 in (1, 6) else 0.0,
        ocv_interpolation="cubic" if place % 5 == 2 else "linear",
        gate_sigmas=2.0 if place % 7 == 1 else 0.0,
        r0_activation_energy_j_mol=25_000.0 if place % 6 in (2, 3) else 0.0,
        capacity_per_kelvin=0.006 if place % 6 in (3, 4) else 0.0,
    )
    if place % 2:
        soc = tuple(np.linspace(0, 1, 4 + place % 9).tolist())
        parameters = replace(parameters, ocv_soc=soc, ocv_voltage=tuple(3.0 + 1.2 * each**1.5 for each in soc))
    rows = drive(5 + place % 7, seed=place)
    if place % 4:
        celsius = np.random.default_rng(place).choice([-10.0, 25.0, 47.3, np.nan, 1e9], len(rows))
        rows = FilterRows(rows.time, rows.current, rows.voltage, celsius)
    return parameters, rows


@pytest.mark.parametrize("size", [*range(1, 34), 1_000, 10_000])
def test_a_battery_alone_and_in_a_fleet_of_any_size_gets_the_same_bits(size):
    parameters, rows = zip(*(battery(place) for place in range(size)), strict=True)

    together = FleetFilter(parameters).advance(rows)

    for place in range(0, size, max(size // 40, 1)):
        assert bits(together[place]) == bits(run_filter(parameters[place], rows[place]))


def test_a_fleet_wider_than_a_block_gets_the_same_bits(monkeypatch):
    monkeypatch.setattr("energykit.ukf.stepping.BLOCK", 8)
    parameters, rows = zip(*(battery(3 * place) for place in range(30)), strict=True)

    together = FleetFilter(parameters).advance(rows)

    for place in range(30):
        assert bits(together[place]) == bits(run_filter(parameters[place], rows[place]))


@pytest.mark.parametrize("few", [0, 10_000])
def test_floats_and_arrays_give_the_same_bits(monkeypatch, few):
    """`FEW` decides from which number of batteries on arrays are used: here always, and never."""
    parameters, rows = zip(*(battery(place) for place in range(24)), strict=True)
    usual = FleetFilter(parameters).advance(rows)

    monkeypatch.setattr("energykit.ukf.stepping.FEW", few)

    assert [bits(each) for each in FleetFilter(parameters).advance(rows)] == [bits(each) for each in usual]


@pytest.mark.parametrize("pairs", [0, 1, 2])
def test_repaired_covariances_have_the_same_bits_alone_and_in_a_fleet(pairs):
    """A sensor that is all but exact makes covariances lose their last digits, and with them their definiteness."""
    states, rows = 4 + pairs, [drive(400, seed=place) for place in range(12)]
    exact = cell_with(
        pairs, sensor_variance=1e-20, process_noise=(0.0,) * states, initial_covariance=diagonal([1e-2] * states)
    )
    fleet = FleetFilter([exact] * 12)

    together = fleet.advance(rows)

    for place in range(12):
        alone = FleetFilter([exact])
        assert bits(alone.advance(rows[place : place + 1])[0]) == bits(together[place])
        assert alone.checkpoint(0) == fleet.checkpoint(place)
    assert sum(fleet.counts(place).repaired for place in range(12)) > 0


def test_broken_steps_have_the_same_bits_alone_and_in_a_fleet():
    """Infinity less infinity has a sign that depends on who computed it; what is handed out must not."""
    parameters = cell_with(0, capacity_ah=3.0, initial_covariance=diagonal([1e-2, 1e-6, 1.0, 1e-4]))

    together = FleetFilter([parameters] * 12).advance([drive(20)] * 12)

    assert set(together[0].skipped[1:]) == {Outcome.DIVERGED}
    assert bits(together[5]) == bits(run_filter(parameters, drive(20)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 14))
def test_rows_in_any_chunks_with_checkpoints_between_give_the_same_bits(seed, size):
    chance = np.random.default_rng(seed)
    parameters, rows = zip(*(battery(place) for place in range(size)), strict=True)
    whole = FleetFilter(parameters)
    expected = whole.advance(rows)

    parts = [{name: [] for name in COLUMNS} for _ in range(size)]
    checkpoints = [FleetFilter(parameters).checkpoint(place) for place in range(size)]
    begun = [0] * size
    while any(begun[place] < len(rows[place]) for place in range(size)):
        fleet = FleetFilter(parameters)
        for place in range(size):
            fleet.restore(place, checkpoints[place])
        chunk = []
        for place in range(size):
            end = begun[place] + int(chance.integers(0, 7))
            chunk.append(cut(rows[place], begun[place], end))
            begun[place] = end
        for place, result in enumerate(fleet.advance(chunk)):
            for name in COLUMNS:
                parts[place][name].append(getattr(result, name))
        checkpoints = [fleet.checkpoint(place) for place in range(size)]

    for place in range(size):
        for name in COLUMNS:
            assert np.concatenate(parts[place][name]).tobytes() == getattr(expected[place], name).tobytes()
    assert checkpoints == [whole.checkpoint(place) for place in range(size)]


def test_strided_columns_give_the_same_bits_as_contiguous_ones():
    parameters, rows = battery(7)
    table = np.array([rows.time, rows.current, rows.voltage]).T.copy()  # each column has gaps of two between values

    assert bits(run_filter(parameters, FilterRows(table[:, 0], table[:, 1], table[:, 2]))) == bits(
        run_filter(parameters, rows)
    )


@pytest.mark.parametrize("size", [*range(1, 34), 1000])
def test_the_exponential_has_the_same_bits_in_arrays_of_any_size(size):
    """RC decay is the only function beside + − · / and √, which every processor rounds alike."""
    values = -np.random.default_rng(size).exponential(5.0, size)

    together = np.exp(values)

    assert together.tobytes() == b"".join(np.exp(values[each : each + 1]).tobytes() for each in range(size))


def test_a_fleet_without_waiting_rows_stays_as_it_is():
    parameters, rows = zip(*(battery(place) for place in range(4)), strict=True)
    fleet = FleetFilter(parameters)
    fleet.advance(rows)
    before = [fleet.checkpoint(place) for place in range(4)]

    results = fleet.advance([FilterRows.none()] * 4)

    assert [len(each.means) for each in results] == [0, 0, 0, 0]
    assert [each.means.shape[1] for each in results] == [4, 5, 6, 3]
    assert [fleet.checkpoint(place) for place in range(4)] == before


def test_rows_laid_end_to_end_are_the_same_rows():
    parameters, rows = zip(*(battery(place) for place in range(20)), strict=True)

    in_columns = FleetFilter(parameters).advance(FleetRows.joined(rows))

    one_by_one = FleetFilter(parameters).advance(rows)
    assert [bits(each) for each in in_columns] == [bits(each) for each in one_by_one]
    assert [bits(each) for each in in_columns[-3:]] == [bits(each) for each in one_by_one[17:20]]


@pytest.mark.parametrize("starts", [[0, 2], [1, 3], [0, 3, 2, 3]])
def test_columns_and_starts_that_do_not_belong_together_are_refused(starts):
    with pytest.raises(BadRows, match="Starts must rise from 0"):
        FleetRows(np.array(starts), np.zeros(3), np.zeros(3), np.zeros(3))


def test_each_battery_needs_its_own_rows():
    parameters, rows = battery(0)

    with pytest.raises(BadRows, match="There are 2 batteries but rows for 1"):
        FleetFilter([parameters, parameters]).advance([rows])
    with pytest.raises(BadRows, match="Time has 2 values, current 1"):
        FilterRows(np.zeros(2), np.zeros(1), np.zeros(2))
    with pytest.raises(BadRows, match="There are 2 rows but 3 temperatures"):
        FilterRows(np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(3))
