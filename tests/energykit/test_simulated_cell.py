"""A simulated cell keeps to its limits and its own equations, and lives the same life every time."""

import numpy as np
import pytest

from energykit.ocv import OcvTable
from energykit.simulation import DUTIES, SimulatedCell, simulated_fleet
from energykit.simulation.ageing import Ageing, AgeingRates

DAY = 86_400.0
COLUMNS = [
    "test_time",
    "current",
    "voltage",
    "temperature",
    "cycle_number",
    "true_soc",
    "true_capacity",
    "true_r0",
]
LIVES = [("nmc", "commuter"), ("lfp", "grid"), ("nca", "solar"), ("lco", "grid")]


def joined(parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}


def assert_same(one, other):
    assert list(one) == list(other) == COLUMNS
    for name in COLUMNS:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_the_same_seed_lives_the_same_life_however_time_is_cut():
    whole = SimulatedCell(5).advance(3 * DAY, 60.0)
    cell, chance, parts = SimulatedCell(5), np.random.default_rng(0), []
    while cell.time < 3 * DAY:
        parts.append(cell.advance(min(float(chance.integers(1, 9_000)), 3 * DAY - cell.time), 60.0))

    assert_same(joined(parts), whole)


def test_another_seed_lives_another_life():
    one, other = (SimulatedCell(seed).advance(DAY) for seed in (1, 2))

    assert one["true_capacity"][0] != other["true_capacity"][0]
    assert one["voltage"].tolist() != other["voltage"].tolist()


def test_a_cell_of_a_fleet_is_the_same_in_a_fleet_of_any_size():
    small, large = simulated_fleet(3, seed=4), simulated_fleet(9, seed=4)

    for one, other in zip(small, large, strict=False):
        assert (one.preset.key, one.duty.key) == (other.preset.key, other.duty.key)
        assert_same(one.advance(DAY), other.advance(DAY))
    assert {cell.duty.key for cell in large} == set(DUTIES)


@pytest.mark.parametrize(("preset", "duty"), LIVES)
def test_a_month_of_duty_stays_within_soc_and_voltage_limits(preset, duty):
    cell = SimulatedCell(3, preset, duty)

    rows = cell.advance(30 * DAY, 300.0)

    # One second of the current before a switch may pass the limit: 1.6 C · 1 s = 0.05 %.
    assert rows["true_soc"].min() > cell.duty.lowest_soc - 0.001
    assert rows["true_soc"].max() < cell.duty.highest_soc + 0.001
    assert rows["voltage"].min() > cell.preset.lowest_voltage
    assert rows["voltage"].max() < cell.preset.highest_voltage + 5 * 0.002
    assert rows["current"].min() < 0 < rows["current"].max()


@pytest.mark.parametrize(("preset", "duty"), LIVES)
def test_the_true_soc_moves_by_the_current_of_the_row_before(preset, duty):
    cell = SimulatedCell(8, preset, duty)

    rows = cell.advance(7 * DAY, 300.0)

    # Measured currents are off by 0.1 % of the reading, independently; five deviations of one step.
    moved = rows["current"][:-1] * np.diff(rows["test_time"]) / 3600 / rows["true_capacity"][:-1]
    np.testing.assert_allclose(np.diff(rows["true_soc"]), moved, rtol=0.005, atol=1e-9)


def test_at_rest_the_voltage_is_the_open_circuit_voltage():
    cell = SimulatedCell(2)
    rows = cell.advance(6 * 3600.0)  # before the first drive
    table = OcvTable(cell.circuit.ocv.soc, cell.circuit.ocv.voltage)

    assert set(rows["current"]) == {0.0}
    assert set(rows["true_soc"]) == {0.6}
    noise = rows["voltage"] - table.voltage_at(0.6)
    assert np.abs(noise).max() < 5 * 0.002
    assert noise.std() == pytest.approx(0.002, rel=0.2)


def test_a_change_of_current_stands_between_two_rows_a_second_apart():
    rows = SimulatedCell(2).advance(DAY, 600.0)

    switches = np.flatnonzero(np.abs(np.diff(rows["current"])) > 0.02 * 2.5)
    assert len(switches) > 10
    assert set(np.diff(rows["test_time"])[switches]) == {1.0}


def test_five_years_fit_into_a_bounded_number_of_rows_and_end_aged():
    for cell in simulated_fleet(6, seed=1):
        rows = cell.compress(5.0)

        assert 5_000 < len(rows["test_time"]) < 20_000
        assert rows["test_time"][-1] > 4.9 * 365 * DAY
        assert (np.diff(rows["test_time"]) > 0).all()
        assert (np.diff(rows["true_capacity"]) <= 0).all()
        assert (np.diff(rows["true_r0"]) >= 0).all()
        assert 0.70 < rows["true_capacity"][-1] / rows["true_capacity"][0] < 0.95
        assert 1.1 < rows["true_r0"][-1] / rows["true_r0"][0] < 1.8
        assert rows["cycle_number"][-1] > 1_000


def test_no_charge_moves_in_a_gap_and_the_cell_ages_in_it():
    rows = SimulatedCell(6).compress(1.0)

    gaps = np.flatnonzero(np.diff(rows["test_time"]) > 2 * DAY)
    assert len(gaps) == 12
    assert set(rows["current"][gaps]) == {0.0}
    np.testing.assert_array_equal(rows["true_soc"][gaps], rows["true_soc"][gaps + 1])
    assert (rows["true_capacity"][gaps + 1] < rows["true_capacity"][gaps]).all()


def test_a_compressed_life_ages_as_one_that_was_lived_through():
    lived, compressed = SimulatedCell(6), SimulatedCell(6)
    lived.advance(180 * DAY, 600.0)
    compressed.compress(180 * DAY / (365.25 * DAY), days_a_recorded_day=7)

    assert compressed.time == lived.time
    lost = 1 - lived.circuit.ageing.capacity_share
    assert 1 - compressed.circuit.ageing.capacity_share == pytest.approx(lost, rel=0.05)


def test_it_lives_on_after_a_compressed_life():
    cell = SimulatedCell(6)
    old = cell.compress(1.0)
    new = cell.advance(3600.0, 60.0)

    assert new["test_time"][0] > old["test_time"][-1]
    assert new["test_time"][-1] == cell.time == 365 * DAY + 3600.0


def test_sleeping_twice_is_sleeping_once_for_as_long():
    once, twice = SimulatedCell(7), SimulatedCell(7)
    for cell in (once, twice):
        cell.advance(DAY)

    once.sleep(20)
    twice.sleep(10)
    twice.sleep(10)

    assert twice.time == once.time
    assert twice.circuit.ageing.cycles == pytest.approx(once.circuit.ageing.cycles)
    assert once.circuit.ageing.cycles > 5


def test_a_cell_sleeps_only_at_midnight():
    cell = SimulatedCell(1)
    cell.advance(3600.0)

    with pytest.raises(ValueError, match="midnight"):
        cell.sleep(3)


def test_ageing_follows_its_closed_form():
    """At 25 °C four years and 500 cycles cost 3 %·√4 + 0.006 %·500 = 9 % of capacity."""
    ageing = Ageing(AgeingRates(0.03, 6e-5, 0.06, 1.5e-4))
    for _ in range(4):
        ageing.endure(365.25 * DAY, 25.0, 125.0)

    assert ageing.capacity_share == pytest.approx(0.91)
    assert ageing.r0_share == pytest.approx(1 + 0.12 + 0.075)


def test_heat_speeds_ageing_up_as_arrhenius_says():
    """3000 K · (1/298.15 K − 1/318.15 K) = 0.6325, and e to that is 1.8825."""
    ageing = Ageing(AgeingRates(0.03, 0.0, 0.06, 0.0))
    ageing.endure(365.25 * DAY, 45.0, 0.0)

    assert ageing.years == pytest.approx(1.8825, rel=1e-3)
