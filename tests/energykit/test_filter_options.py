"""Temperature, gate and noise per second do what their parameters say."""

import math

import numpy as np
import pytest

from energykit.ukf import FilterRows, FleetFilter, run_filter
from tests.energykit.cells import cell_with, diagonal, drive

NAN = float("nan")
SURE = diagonal([1e-18] * 4)
STILL = (0.0,) * 4
LINE = {"ocv_soc": (0.0, 1.0), "ocv_voltage": (3.0, 4.2), "coulombic_efficiency": 1.0}


def sure_cell(**changes):
    """What it starts with it knows: its voltage is 3.0 + 1.2 · SOC + current · 0.03, its capacity 2.5 Ah."""
    return cell_with(0, **LINE, initial_covariance=SURE, process_noise=STILL, sensor_variance=1e-4, **changes)


def at(celsius, current=2.0, seconds=0.0):
    time, currents = np.array([0.0, seconds]), np.array([current, current])
    return FilterRows(time, currents, np.array([3.7, 3.7]), np.array([25.0, celsius]))


@pytest.mark.parametrize(
    ("celsius", "r0"),
    [
        (25.0, 0.03),
        # 0.03 · exp(20000 / 8.314462618 · (1/T - 1/298.15)) with T = 273.15 and 318.15, by hand
        (0.0, 0.0627784),
        (45.0, 0.0180658),
        (NAN, 0.03),
        (float("inf"), 0.03),
        (-300.0, 0.03),  # no thermometer of a living battery says so
    ],
)
def test_resistance_follows_arrhenius(celsius, r0):
    parameters = sure_cell(r0_activation_energy_j_mol=20_000.0)

    result = run_filter(parameters, at(celsius))

    assert result.predicted_voltage[1] == pytest.approx(3.0 + 1.2 * 0.6 + 2.0 * r0, abs=1e-6)


def test_the_estimated_resistance_is_that_of_the_reference_temperature():
    """Measured at 0 °C by steps of current, told at 25 °C: 0.03 Ω, not twice as much."""
    parameters = cell_with(0, **LINE, r0_ohm=0.04, r0_activation_energy_j_mol=20_000.0, sensor_variance=1e-6)
    current = np.tile([2.0, -2.0], 100)
    voltage = 3.0 + 1.2 * 0.6 + current * 0.0627784

    result = run_filter(parameters, FilterRows(np.zeros(200), current, voltage, np.zeros(200)))

    assert result.means[-1, 3] == pytest.approx(0.03, abs=2e-5)


@pytest.mark.parametrize(
    ("celsius", "soc"),
    [
        # 2.5 A for 6 minutes are 0.25 Ah, a tenth of 2.5 Ah at 25 °C; 20 K less leave 0.9 of it, 20 K more give 1.1
        (25.0, 0.6 + 0.1),
        (5.0, 0.6 + 0.1 / 0.9),
        (45.0, 0.6 + 0.1 / 1.1),
        (NAN, 0.6 + 0.1),
    ],
)
def test_capacity_changes_by_its_share_a_kelvin(celsius, soc):
    result = run_filter(sure_cell(capacity_per_kelvin=0.005), at(celsius, current=2.5, seconds=360.0))

    assert result.means[1].tolist() == pytest.approx([soc, 0.0, 2.5, 0.03], abs=1e-9)


def test_another_reference_temperature_is_where_capacity_and_resistance_hold():
    parameters = sure_cell(capacity_per_kelvin=0.005, r0_activation_energy_j_mol=20_000.0, reference_temperature_c=45.0)

    result = run_filter(parameters, at(45.0, current=2.5, seconds=360.0))

    assert result.predicted_voltage[1] == pytest.approx(3.0 + 1.2 * 0.7 + 2.5 * 0.03, abs=1e-9)


def test_a_cell_that_depends_on_temperature_takes_rows_without_one_as_at_the_reference():
    parameters, rows = cell_with(1, r0_activation_energy_j_mol=3e4, capacity_per_kelvin=0.005), drive(30)
    warm = FilterRows(rows.time, rows.current, rows.voltage, np.full(30, 25.0))

    np.testing.assert_array_equal(run_filter(parameters, rows).means, run_filter(parameters, warm).means)


@pytest.mark.parametrize("size", [1, 12], ids=["floats", "arrays"])
def test_a_voltage_beyond_the_gate_counts_as_if_it_stood_at_the_gate_of_a_noisier_sensor(size):
    """With one state in doubt, Kalman's gain is P·h/S; beyond the gate S becomes (innovation / sigmas)²."""
    variance, sensor = 1e-4, 1e-4
    known = {**LINE, "initial_covariance": diagonal([variance, 1e-18, 1e-18, 1e-18]), "process_noise": STILL}
    parameters = cell_with(0, **known, sensor_variance=sensor, gate_sigmas=3.0)
    slope, expected = 1.2, 3.0 + 1.2 * 0.6
    usual = slope * slope * variance + sensor
    deviation = math.sqrt(usual)

    for sigmas, seen in (
        (2.9, usual),
        (-2.9, usual),
        (12.0, (12 * deviation / 3) ** 2),
        (-6.0, (6 * deviation / 3) ** 2),
    ):
        rows = FilterRows(np.zeros(2), np.zeros(2), np.array([3.7, expected + sigmas * deviation]))
        result = FleetFilter([parameters] * size).advance([rows] * size)[0]
        gain = variance * slope / seen
        assert result.means[1, 0] == pytest.approx(0.6 + gain * sigmas * deviation, abs=1e-9)
        assert result.covariances[1, 0] == pytest.approx(variance - gain * gain * seen, rel=1e-6)
        assert result.nis[1] == pytest.approx(sigmas * sigmas, rel=1e-6)  # what is judged is what was expected


def test_a_glitch_of_a_volt_moves_a_gated_filter_little():
    rows = drive(200)
    rows = FilterRows(rows.time, rows.current, 3.7 + 0.03 * rows.current)
    voltage = rows.voltage.copy()
    voltage[150] += 1.0
    glitched = FilterRows(rows.time, rows.current, voltage)

    moved = {}
    for gate in (0.0, 4.0):
        parameters = cell_with(0, gate_sigmas=gate)
        clean, other = run_filter(parameters, rows), run_filter(parameters, glitched)
        moved[gate] = abs(other.means[150, 0] - clean.means[150, 0])

    assert moved[4.0] < 0.02 * moved[0.0]


def test_noise_per_second_adds_the_same_in_one_long_step_as_in_many_short_ones():
    """At rest, blind, and with nothing else unknown: variance = q·t; of an RC current q·τ/2·(1 - e^(-2t/τ))."""
    rates = (1e-9, 1e-4, 1e-12, 1e-8, 1e-11)
    parameters = cell_with(
        1,
        **LINE,
        rc_pairs=((0.01, 4000.0),),  # 40 s
        initial_covariance=diagonal([1e-18] * 5),
        process_noise_per_second=rates,
        sensor_variance=1e9,
    )
    expected = [1e-9 * 60, 1e-4 * 20 * (1 - math.exp(-3)), 1e-12 * 60, 1e-8 * 60, 1e-11 * 60]

    for steps in (1, 60):
        rows = FilterRows(np.linspace(0.0, 60.0, steps + 1), np.zeros(steps + 1), np.full(steps + 1, 3.72))
        covariance = run_filter(parameters, rows).covariances[-1]
        assert covariance[[0, 5, 9, 12, 14]].tolist() == pytest.approx(expected, rel=1e-6)


def test_noise_per_row_counts_rows_and_not_time():
    noise = (1e-9, 1e-12, 1e-8, 1e-11)
    parameters = cell_with(0, **LINE, initial_covariance=SURE, process_noise=noise, sensor_variance=1e9)

    rows = FilterRows(np.array([0.0, 1.0, 3600.0, 3600.0]), np.zeros(4), np.full(4, 3.72))

    assert run_filter(parameters, rows).covariances[-1][[0, 4, 7, 9]].tolist() == pytest.approx(
        [3 * each for each in noise], rel=1e-6
    )
