"""The filter against those who computed the same before: Moirae, filterpy, and Kalman's own equations."""

import csv
import json

import numpy as np
import pytest
from filterpy.kalman import MerweScaledSigmaPoints, UnscentedKalmanFilter, unscented_transform

from energykit.asoh import mapping_from_asoh
from energykit.ocv import OcvTable
from energykit.ukf import FilterRows, JointFilterParameters, Outcome, run_filter
from tests.energykit.cells import PAIRS, cell_with, diagonal, drive, square
from tests.twin import oracle

PROMISED = 1e-8
FOUND = 1e-11  # 7e-13 was measured; a little room for other processors


@pytest.mark.parametrize(("case", "states"), [("no_rc", 4), ("one_rc", 5)])
def test_it_gives_moiraes_numbers_on_the_simulated_cell(case, states):
    parameters = JointFilterParameters.from_mapping(oracle.parameters(case))
    cell, expected = oracle.cell(), oracle.moirae(case)

    result = run_filter(parameters, FilterRows(*(np.array(cell[name]) for name in ("test_time", "current", "voltage"))))

    rows = expected["row"]
    assert parameters.state_names == tuple(expected["names"])
    assert result.means.shape == (3000, states)
    assert result.skipped.tolist() == [Outcome.FIRST_CONTROL] + [Outcome.STEPPED] * 2999
    np.testing.assert_allclose(result.means[rows], expected["means"], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.covariances[rows], expected["covariances"], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.predicted_voltage[rows], expected["predicted_voltage"], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.innovation_variance[rows], expected["innovation_variance"], rtol=0, atol=FOUND)


def test_with_its_rc_pair_it_ends_at_the_cells_truth():
    """Within 0.0004 of SOC, 0.1 % of capacity and 0.3 % of resistance from row 1500 on (Moirae's own distances)."""
    cell = {name: np.array(values) for name, values in oracle.cell().items()}
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc"))

    result = run_filter(parameters, FilterRows(cell["test_time"], cell["current"], cell["voltage"]))

    late = slice(1500, None)
    assert np.abs(result.means[late, 0] - cell["true_soc"][late]).max() < 0.0004
    assert np.abs(result.means[late, 3] / cell["true_q_t"][late] - 1).max() < 0.001
    assert np.abs(result.means[late, 4] / cell["true_r0"][late] - 1).max() < 0.003


def test_it_gives_moiraes_numbers_on_a_real_cell(shared_data):
    asoh = json.loads(shared_data("asoh-b10a.json").read_text())
    with shared_data("moirae_joint_ukf_b10a_first5000.csv").open() as file:
        table = np.array([[float(value) for value in row.values()] for row in csv.DictReader(file)])
    mapping = mapping_from_asoh(asoh)
    capacity, resistance = mapping["capacity_ah"], mapping["r0_ohm"]
    padded = {
        "ocv_soc": [-0.1, *mapping["ocv_soc"], 1.1],
        "ocv_voltage": [0.0, *mapping["ocv_voltage"], 6.5],
        "initial_soc": 0.0,
        "initial_covariance": [1e-2, 2.5e-7, (2.5e-3 * capacity) ** 2, (2.5e-3 * resistance) ** 2],
        "process_noise": [1e-8, 1e-12, 1e-8, 1e-10],
        "sensor_variance": 1e-4,
    }
    parameters = JointFilterParameters.from_mapping(mapping | padded)
    first_control = ([0.0], [0.0], [3.15])

    columns = [np.concatenate(pair) for pair in zip(first_control, table[:, 1:4].T, strict=True)]
    result = run_filter(parameters, FilterRows(*columns))

    assert len(table) == 5000
    np.testing.assert_allclose(result.means[1:], table[:, 4:8], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.covariances[1:], table[:, 8:18], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.predicted_voltage[1:], table[:, 18], rtol=0, atol=FOUND)
    np.testing.assert_allclose(result.innovation_variance[1:], table[:, 19], rtol=0, atol=FOUND)


class PointByPoint:
    """The same filter out of filterpy's parts: one augmented vector (state, process noise, sensor noise)."""

    def __init__(self, parameters):
        self.parameters, self.states = parameters, len(parameters.state_names)
        self.hysteresis, self.fades = self.states - 3, parameters.hysteresis_seconds
        self.table = OcvTable(parameters.ocv_soc, parameters.ocv_voltage, parameters.ocv_interpolation)
        size = 2 * self.states + 1
        self.points = MerweScaledSigmaPoints(size, alpha=1.0, beta=2.0, kappa=0.0)
        self.filter = UnscentedKalmanFilter(size, 1, 1.0, self.voltage, self.move, self.points)
        self.mean = np.array(parameters.initial_mean)
        self.covariance = np.array(parameters.initial_covariance)

    def noise(self, seconds):
        """The noise per second, integrated by what forgets within τ (closed form of ∫ q·e^(-2s/τ) ds)."""
        gained = np.array(self.parameters.process_noise_per_second) * seconds
        for pair, (ohm, farad) in enumerate(self.parameters.rc_pairs, start=1):
            rate, constant = self.parameters.process_noise_per_second[pair], ohm * farad
            gained[pair] = -rate * constant / 2 * np.expm1(-2 * seconds / constant)
        if self.fades:
            rate = self.parameters.process_noise_per_second[self.hysteresis]
            gained[self.hysteresis] = -rate * self.fades / 2 * np.expm1(-2 * seconds / self.fades)
        return gained + np.array(self.parameters.process_noise)

    def move(self, augmented, seconds, current_before, current):
        n = self.states
        x, moved = augmented[:n].copy(), augmented.copy()
        efficiency = self.parameters.coulombic_efficiency if current_before >= 0 else 1.0
        x[0] += efficiency * current_before * seconds / (3600.0 * x[n - 2])
        for pair, (ohm, farad) in enumerate(self.parameters.rc_pairs):
            decay = np.exp(-seconds / (ohm * farad))
            x[1 + pair] = x[1 + pair] * decay + current * (1 - decay)
        if self.fades:
            x[self.hysteresis] *= np.exp(-seconds / self.fades)
        moved[:n] = x + augmented[n : 2 * n]
        return moved

    def voltage(self, augmented, current):
        n = self.states
        x = augmented[:n]
        across_pairs = sum(ohm * x[1 + pair] for pair, (ohm, _) in enumerate(self.parameters.rc_pairs))
        offset = x[self.hysteresis] if self.parameters.has_hysteresis else 0.0
        return np.array([self.table.voltage_at(x[0]) + current * x[n - 1] + across_pairs + offset + augmented[2 * n]])

    def step(self, seconds, current_before, current, measured):
        n, ukf = self.states, self.filter
        ukf.x = np.concatenate((self.mean, np.zeros(n + 1)))
        ukf.P = np.zeros((2 * n + 1, 2 * n + 1))
        ukf.P[:n, :n] = self.covariance
        ukf.P[n : 2 * n, n : 2 * n] = np.diag(self.noise(seconds))
        ukf.P[2 * n, 2 * n] = self.parameters.sensor_variance
        # Not `predict`: that would draw the points anew, and the specification draws them once a step.
        ukf.compute_process_sigmas(seconds, current_before=current_before, current=current)
        ukf.x, ukf.P = unscented_transform(ukf.sigmas_f, ukf.Wm, ukf.Wc)
        ukf.update(np.array([measured]), R=0.0, current=current)
        self.mean, self.covariance = ukf.x[:n].copy(), ukf.P[:n, :n].copy()
        return float(measured - ukf.y[0]), float(ukf.S[0, 0])


def noise_of(states):
    """Some a row and some a second; none of it is 0, of which filterpy could draw no root."""
    return {"process_noise": (1e-8,) * states, "process_noise_per_second": (1e-9,) * states}


@pytest.mark.parametrize("pairs", [0, 1, 2])
@pytest.mark.parametrize("has_hysteresis", [True, False], ids=["hysteresis", "no hysteresis"])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_it_gives_the_numbers_of_filterpys_unscented_filter(pairs, has_hysteresis, interpolation):
    gives_the_numbers_of_filterpy(pairs, has_hysteresis, interpolation)


@pytest.mark.parametrize("pairs", [0, 1, 2])
@pytest.mark.parametrize("seconds", [3.0, 900.0, 1e7])
def test_with_a_hysteresis_that_fades_it_gives_filterpys_numbers(pairs, seconds):
    gives_the_numbers_of_filterpy(pairs, True, "cubic", hysteresis_seconds=seconds, initial_hysteresis_v=0.02)


def gives_the_numbers_of_filterpy(pairs, has_hysteresis, interpolation, **more):
    parameters = cell_with(
        pairs,
        has_hysteresis=has_hysteresis,
        ocv_interpolation=interpolation,
        **noise_of(3 + pairs + has_hysteresis),
        **more,
    )
    rows = drive(100)
    other = PointByPoint(parameters)

    result = run_filter(parameters, rows)

    for row in range(1, len(rows)):
        voltage, variance = other.step(
            rows.time[row] - rows.time[row - 1], rows.current[row - 1], rows.current[row], rows.voltage[row]
        )
        np.testing.assert_allclose(result.means[row], other.mean, rtol=0, atol=FOUND)
        np.testing.assert_allclose(square(result.covariances[row], other.states), other.covariance, rtol=0, atol=FOUND)
        assert result.predicted_voltage[row] == pytest.approx(voltage, abs=FOUND)
        assert result.innovation_variance[row] == pytest.approx(variance, abs=FOUND)


@pytest.mark.parametrize("pairs", [0, 1, 2])
@pytest.mark.parametrize(
    ("has_hysteresis", "fades"),
    [(True, 0.0), (False, 0.0), (True, 1200.0)],
    ids=["hysteresis", "no hysteresis", "hysteresis that fades"],
)
def test_on_a_linear_cell_it_is_a_kalman_filter(pairs, has_hysteresis, fades):
    """Kalman's equations (1960), in matrices.

    Only charge over capacity and the OCV curve bend. A straight OCV line and a capacity known to 1e-9 (a variance of 0
    is no covariance) leave a linear model, for which sums over sigma points are exact. The currents are known inputs,
    so a resistance in doubt is linear too.
    """
    n = 3 + pairs + has_hysteresis
    hysteresis = [1e-6] * has_hysteresis
    variances = [1e-2, *[1e-2] * pairs, *hysteresis, 1e-18, 2.5e-5]
    noise = (1e-8, *(1e-6,) * pairs, *(1e-12,) * has_hysteresis, 0.0, 1e-11)
    rates = (1e-9, *(1e-7,) * pairs, *(1e-13,) * has_hysteresis, 0.0, 1e-12)
    parameters = cell_with(
        pairs,
        ocv_soc=(0.0, 1.0),
        ocv_voltage=(3.0, 4.2),
        initial_covariance=diagonal(variances),
        process_noise=noise,
        process_noise_per_second=rates,
        has_hysteresis=has_hysteresis,
        hysteresis_seconds=fades,
    )
    rows = drive(300, seed=4)
    mean, covariance = np.array(parameters.initial_mean), np.diag(variances)

    result = run_filter(parameters, rows)

    for row in range(1, len(rows)):
        seconds, before, current = rows.time[row] - rows.time[row - 1], rows.current[row - 1], rows.current[row]
        transition, push = np.eye(n), np.zeros(n)
        push[0] = (0.99 if before >= 0 else 1.0) * before * seconds / (3600.0 * 2.5)
        observation = np.zeros(n)
        observation[[0, n - 1]] = 1.2, current
        if has_hysteresis:
            observation[n - 3] = 1.0
        gained = np.array(noise) + np.array(rates) * seconds
        for pair, (ohm, farad) in enumerate(PAIRS[:pairs], start=1):
            transition[pair, pair] = np.exp(-seconds / (ohm * farad))
            push[pair] = current * (1 - transition[pair, pair])
            observation[pair] = ohm
            constant = ohm * farad / 2
            gained[pair] = noise[pair] + rates[pair] * constant * (1 - np.exp(-seconds / constant))
        if fades:
            transition[n - 3, n - 3] = np.exp(-seconds / fades)
            gained[n - 3] = noise[n - 3] + rates[n - 3] * fades / 2 * (1 - np.exp(-2 * seconds / fades))
        mean = transition @ mean + push
        covariance = transition @ covariance @ transition.T + np.diag(gained)
        variance = observation @ covariance @ observation + parameters.sensor_variance
        innovation = rows.voltage[row] - (3.0 + observation @ mean)
        gain = covariance @ observation / variance
        mean, covariance = mean + gain * innovation, covariance - np.outer(gain, gain) * variance
        np.testing.assert_allclose(result.means[row], mean, rtol=0, atol=1e-10)
        np.testing.assert_allclose(square(result.covariances[row], n), covariance, rtol=0, atol=1e-10)
        assert result.innovation[row] == pytest.approx(innovation, abs=1e-10)
        assert result.nis[row] == pytest.approx(innovation**2 / variance, rel=1e-6)


def test_one_step_by_hand():
    """Ten minutes at 1.5 A put 0.25 Ah into 2.5 Ah: SOC 0.5 to 0.6; then at 1 A, 3.0 + 1.2·0.6 + 1·0.03 = 3.75 V."""
    parameters = JointFilterParameters(
        capacity_ah=2.5,
        r0_ohm=0.03,
        ocv_soc=(0.0, 1.0),
        ocv_voltage=(3.0, 4.2),
        initial_soc=0.5,
        initial_covariance=diagonal([1e-18] * 4),
        process_noise=(0.0, 0.0, 0.0, 0.0),
        sensor_variance=1e-4,
    )

    result = run_filter(parameters, FilterRows(np.array([0.0, 600.0]), np.array([1.5, 1.0]), np.array([3.6, 3.8])))

    assert result.predicted_voltage[1] == pytest.approx(3.75, abs=1e-9)
    assert result.innovation[1] == pytest.approx(0.05, abs=1e-9)
    assert result.means[1].tolist() == pytest.approx([0.6, 0.0, 2.5, 0.03], abs=1e-9)
