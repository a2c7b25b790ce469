"""What a fit finds on cells of which all is known, and what it says where the rows do not tell.

Tolerances: NOISE_V (1 mV) over a pulse of one C (2 A) is 0.5 mΩ a row; over some hundred rows 0.05 mΩ. What is left is
the OCV curve's slope under the pulse. A capacity is the charge between two ends that the C/20 current reaches with
6 mV over the resistances: at the slopes of both ends (6 and 1.2 V per unit of SOC) less than 0.6 %.
"""

import numpy as np
import pytest

from energykit.errors import BadRows, CannotFit
from energykit.fitting import FitWishes, fit_cell
from energykit.simulation import SimulatedCell
from energykit.ukf import FilterRows, JointFilterParameters, run_filter
from energykit.ukf.covariance import variance_places
from tests.energykit.cells import lasting_errors
from tests.energykit.fitted_cells import (
    CAPACITY_AH,
    NOISE_V,
    R0_OHM,
    RC_OHM,
    RC_SECONDS,
    Bench,
    slow_cycle_and_pulses,
    table_of,
)

DAY = 86_400.0


@pytest.fixture(scope="module")
def nmc():
    columns = slow_cycle_and_pulses("nmc").columns()
    return columns, fit_cell(*columns[:3])


def test_a_slow_cycle_tells_capacity_and_ocv(nmc):
    _, fit = nmc
    truth = table_of("nmc")
    missed = [
        abs(volts - truth.voltage_at(soc))
        for soc, volts in zip(fit.parameters["ocv_soc"], fit.parameters["ocv_voltage"], strict=True)
    ]

    assert fit.finding("capacity_ah").value == pytest.approx(CAPACITY_AH, rel=0.006)
    assert np.median(missed) < 0.002
    assert max(missed) < 0.02  # near empty, at 6 V per unit of SOC, where a line between knots lies above the curve
    assert fit.warnings == ()


def test_pulses_tell_the_resistances_and_the_band_holds_the_truth(nmc):
    _, fit = nmc
    r0, ohm, seconds = (fit.finding(name) for name in ("r0_ohm", "rc1_ohm", "rc1_seconds"))

    assert r0.value == pytest.approx(R0_OHM, abs=5e-4)
    assert ohm.value == pytest.approx(RC_OHM, abs=5e-4)
    assert seconds.value == pytest.approx(RC_SECONDS, rel=0.1)
    assert abs(r0.value - R0_OHM) < 3 * r0.std
    assert "rc2_ohm" not in {each.name for each in fit.findings}


def test_noises_make_the_filter_as_sure_as_it_should_be(nmc):
    (time, current, voltage, soc), fit = nmc

    result = run_filter(JointFilterParameters.from_mapping(fit.parameters), FilterRows(time, current, voltage))

    assert fit.finding("sensor_std").value == pytest.approx(NOISE_V, rel=0.2)
    assert np.nanmean(result.nis) == pytest.approx(1.0, abs=0.1)
    assert np.abs(result.means[len(time) // 4 :, 0] - soc[len(time) // 4 :]).max() < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_errors_that_last_get_an_offset_that_fades_and_bands_that_hold_the_capacity(nmc, seed):
    """20 mV that last half an hour, as much as 4 % SOC on the flat of the curve: taken for white noise, they led the
    capacity 3 to 10 standard deviations away."""
    (time, current, voltage, _), white = nmc
    voltage = voltage + lasting_errors(time, 0.02, 1800.0, seed)
    fit = fit_cell(time, current, voltage)
    parameters = JointFilterParameters.from_mapping(fit.parameters)
    result = run_filter(parameters, FilterRows(time, current, voltage))

    assert any("errors last from row to row" in each for each in fit.warnings)
    assert fit.parameters["hysteresis_seconds"] == fit.finding("offset_seconds").value
    assert 0.005 < fit.finding("offset_std").value < 0.08
    assert fit.finding("offset_std").rows == len(time)
    capacity_std = np.sqrt(result.covariances[-1, variance_places(len(parameters.state_names))[-2]])
    assert abs(result.means[-1, -2] - CAPACITY_AH) < 1.96 * capacity_std
    assert "offset_std" not in {each.name for each in white.findings}
    assert "hysteresis_seconds" not in white.parameters


def test_its_parameters_are_complete_and_plain(nmc):
    _, fit = nmc
    assert JointFilterParameters.from_mapping(fit.parameters).capacity_ah == fit.parameters["capacity_ah"]
    assert {"ocv", "pulses", "voltage", "residuals"} == set(fit.plots)
    assert fit.rows == len(nmc[0][0])


def test_it_says_where_noises_are_of_the_first_rows_alone(nmc, monkeypatch):
    columns, _ = nmc
    monkeypatch.setattr("energykit.fitting.noises.MOST_ROWS", 700)
    fit = fit_cell(*columns[:3])
    assert f"are of the first 700 of {len(columns[0]):,} rows." in " ".join(fit.warnings)
    assert (fit.rows, fit.finding("sensor_std").rows) == (len(columns[0]), 700)


def test_a_flat_curve_is_found_as_well():
    time, current, voltage, _ = slow_cycle_and_pulses("lfp", seed=4).columns()

    fit = fit_cell(time, current, voltage)

    assert fit.finding("capacity_ah").value == pytest.approx(CAPACITY_AH, rel=0.006)
    assert fit.finding("ocv_at_half").value == pytest.approx(table_of("lfp").voltage_at(0.5), abs=0.002)
    assert fit.finding("r0_ohm").value == pytest.approx(R0_OHM, abs=5e-4)


def test_current_of_the_wrong_sign_is_seen_and_reversed(nmc):
    (time, current, voltage, _), right = nmc

    fit = fit_cell(time, -current, voltage)

    assert "sign looks wrong" in fit.warnings[0]
    assert fit.finding("r0_ohm").value == pytest.approx(right.finding("r0_ohm").value)


def test_order_and_broken_rows_make_no_difference(nmc):
    (time, current, voltage, _), right = nmc
    shuffled = np.random.default_rng(1).permutation(len(time))
    columns = [np.append(column[shuffled], np.nan) for column in (time, current, voltage)]

    fit = fit_cell(*columns)

    assert "1 rows without" in fit.warnings[0]
    assert fit.finding("capacity_ah").value == right.finding("capacity_ah").value
    assert fit.finding("r0_ohm").value == pytest.approx(right.finding("r0_ohm").value, rel=1e-6)


@pytest.mark.parametrize(("preset", "duty"), [("nmc", "commuter"), ("lfp", "grid")])
def test_without_a_whole_cycle_a_preset_is_stretched_over_the_rows(preset, duty):
    """The capacity within the 2 % that a preset's shape is said to be unsure by. 2 mV of noise at steps of 0.25 C are
    3 mΩ a row, or 0.5 mΩ over the few rows of some ten steps that lie a second apart: three times that are 8 %."""
    cell = SimulatedCell(5, preset, duty)
    rows = cell.advance(3 * DAY, 60.0)

    fit = fit_cell(rows["test_time"], rows["current"], rows["voltage"])

    assert "No whole cycle" in fit.warnings[0]
    assert preset.upper() in fit.warnings[0]
    assert fit.finding("capacity_ah").value == pytest.approx(rows["true_capacity"][0], rel=0.02)
    assert fit.finding("initial_soc").value == pytest.approx(rows["true_soc"][0], abs=0.02)
    assert fit.finding("r0_ohm").value == pytest.approx(rows["true_r0"][0], rel=0.08)


def test_without_steps_it_says_that_resistances_cannot_be_told_apart():
    bench = Bench("nmc", soc=1.0)
    bench.hold(-0.1, 100_000, 300, first=300, until=0.0).hold(0.1, 100_000, 300, first=300, until=1.0)
    time, current, voltage, _ = bench.columns()

    fit = fit_cell(time[1:], current[1:], voltage[1:])

    assert any("300 s apart" in each or "No current steps" in each for each in fit.warnings)
    assert any("No rest" in each for each in fit.warnings)
    assert fit.parameters["rc_pairs"] == []


def test_fast_cycles_are_named_as_such():
    bench = Bench("nmc", soc=1.0)
    for _ in range(2):
        bench.hold(-1.0, 100_000, 60, until=0.0).hold(0.0, 1800, 60)
        bench.hold(1.0, 100_000, 60, until=1.0).hold(0.0, 1800, 60)

    fit = fit_cell(*bench.columns()[:3])

    assert any("No slow cycle: the slowest whole one runs at C/2." in each for each in fit.warnings)
    assert fit.finding("capacity_ah").value == pytest.approx(CAPACITY_AH, rel=0.01)


def test_rows_that_move_little_are_refused_with_the_way_out():
    bench = Bench("nmc", soc=0.6).hold(0.0, 600, 10).hold(-1.0, 300, 1.0).hold(0.0, 600, 10)
    columns = bench.columns()[:3]

    with pytest.raises(CannotFit, match="do not tell the capacity") as refused:
        fit_cell(*columns)
    with_capacity = fit_cell(*columns, wishes=FitWishes(preset="nmc", capacity_ah=CAPACITY_AH))

    assert refused.value.field == "capacity_ah"
    assert with_capacity.finding("capacity_ah").rows == 0
    assert with_capacity.finding("r0_ohm").value == pytest.approx(R0_OHM, abs=2e-3)


def test_rest_alone_and_too_few_rows_are_refused():
    with pytest.raises(CannotFit, match="No current flows"):
        fit_cell(np.arange(50.0), np.zeros(50), np.full(50, 3.7))
    with pytest.raises(BadRows, match="at least 10 rows"):
        fit_cell(np.arange(5.0), np.ones(5), np.full(5, 3.7))


def test_a_current_sensor_that_drifts_over_many_cycles_hides_none_of_them():
    """5 mA of offset are 2.4 Ah in twenty days, more than the cell holds; within a cycle of a day they are 0.12 Ah."""
    bench = Bench("nmc", soc=1.0)
    for _ in range(12):
        bench.hold(-0.2, 100_000, 600, until=0.0).hold(0.0, 1800, 60)
        bench.hold(0.2, 100_000, 600, until=1.0).hold(0.0, 1800, 60)
    time, current, voltage, _ = bench.columns()

    fit = fit_cell(time, current + 5e-3, voltage)

    assert "No whole cycle" not in " ".join(fit.warnings)
    assert fit.finding("capacity_ah").value == pytest.approx(CAPACITY_AH, rel=0.03)
