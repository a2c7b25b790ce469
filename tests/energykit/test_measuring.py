"""The meter against hand calculations, battery-data-toolkit's own summaries, and simulated cells with a known truth."""

import math

import numpy as np
import pytest

from energykit.errors import BadCheckpoint, BadRows
from energykit.measuring import CapacityKind, MeasuringRules, Meter, MeterRows, SocBands, efficiency, measured_capacity
from energykit.simulation import SimulatedCell

RULES = MeasuringRules(nominal_capacity_ah=2.0)


def rows_of(time, current, voltage, temperature=None, cycle_number=None):
    columns = [time, current, voltage, temperature, cycle_number]
    floats = [None if column is None else np.asarray(column, dtype=np.float64) for column in columns]
    return MeterRows(np.arange(1, len(time) + 1), *floats)


def part(rows, start, end):
    cut = [getattr(rows, name) for name in ("ids", "time", "current", "voltage", "temperature", "cycle_number")]
    return MeterRows(*(None if column is None else column[start:end] for column in cut))


def simulated(days=40, sample_seconds=300.0, **kind):
    cell = SimulatedCell(3, **kind)
    columns = cell.advance(days * 86_400.0, sample_seconds)
    rows = rows_of(*(columns[name] for name in ("test_time", "current", "voltage", "temperature", "cycle_number")))
    return cell, columns, rows


# --- by hand -------------------------------------------------------------------------------------------------------
def test_charge_and_energy_are_areas_under_straight_lines():
    # One hour from 0 to 2 A (1 Ah) at 4 V, a jump to -2 A within no time, one hour at -2 A (2 Ah) at 3 V.
    rows = rows_of([0, 3600, 3600, 7200], [0, 2, -2, -2], [4, 4, 3, 3], [20, 30, 30, 10])
    meter = Meter(RULES)
    meter.advance(rows)
    cycle = meter.open_cycle
    assert (cycle.charge_ah, cycle.discharge_ah) == (1.0, 2.0)
    assert (cycle.charge_wh, cycle.discharge_wh) == (4.0, 6.0)
    assert (cycle.mean_temperature, cycle.highest_temperature) == (22.5, 30.0)  # 25 for one hour, 20 for the other
    assert cycle.duration_s == 7200.0
    assert (cycle.throughput_ah, cycle.throughput_wh) == (3.0, 10.0)


def test_an_efficiency_is_told_of_cycles_that_came_back_to_where_they_began():
    charge, discharge, gap = [2.0, 2.0, 2.0, 0.0, 1.0], [1.98, 1.92, 1.88, 0.0, 1.0], [0, 0, 0, 0, 60.0]
    told = {"discharge_ah": discharge, "charge_ah": charge, "gap_seconds": gap}
    np.testing.assert_array_equal(efficiency(discharge, charge, **told), [0.99, 0.96, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(efficiency([6, 5, 5, 0, 4], [8, 8, 8, 0, 4], **told)[:3], [0.75, 0.625, np.nan])


def test_where_the_current_crosses_zero_each_side_counts_its_own():
    meter = Meter(RULES)
    meter.advance(rows_of([0, 3600], [3, -1], [4, 4]))
    # Zero after three quarters of the hour: 3 A · 0.75 h / 2 above, 1 A · 0.25 h / 2 below.
    assert (meter.totals.charge_ah, meter.totals.discharge_ah) == (1.125, 0.125)


def test_nothing_is_integrated_across_a_gap_and_the_gap_is_told():
    meter = Meter(MeasuringRules(2.0, gap_seconds=600.0))
    meter.advance(rows_of([0, 600, 1201, 1801], [1, 1, 1, 1], [4, 4, 4, 4]))
    assert meter.totals.charge_ah == pytest.approx(1200 / 3600)
    assert (meter.totals.gaps, meter.totals.gap_seconds) == (1, 601.0)
    assert meter.open_cycle.gap_seconds == 601.0


def test_totals_tell_how_the_time_was_spent():
    meter = Meter(RULES)  # rest is up to 10 mA
    meter.advance(
        rows_of([0, 100, 100, 400, 400, 1000], [1, 1, -1, -1, 0.01, -0.01], [3.9, 4.1, 3.8, 3.5, 3.6, 3.6],
                [-25, -25, 5, 5, 70, 70])
    )  # fmt: skip
    totals = meter.totals
    assert (totals.charging_seconds, totals.discharging_seconds, totals.resting_seconds) == (100.0, 300.0, 600.0)
    assert totals.temperature_seconds == [100.0, 0, 0, 300.0, 0, 0, 0, 0, 0, 600.0]  # below -20, 0 to 10, above 60 °C
    assert (totals.lowest_voltage, totals.highest_voltage) == (3.5, 4.1)
    assert (totals.lowest_current, totals.highest_current) == (-1.0, 1.0)
    assert (totals.lowest_temperature, totals.highest_temperature) == (-25.0, 70.0)


def test_without_cycle_numbers_a_cycle_begins_as_charging_begins_after_a_discharge():
    # 2 Ah: 5 % are 0.1 Ah. Half an hour at 1 A each way; then 3 min of discharge, 0.05 Ah, which is too little.
    time = [0, 1800, 1800, 3600, 3600, 5400, 5400, 5580, 5580, 7380, 7380, 9180, 9180]
    current = [1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1]
    found = Meter(RULES).advance(rows_of(time, current, [3.7] * 13)).cycles
    assert [(cycle.number, cycle.start_time, cycle.end_time) for cycle in found] == [(1, 0, 3600), (2, 3600, 9180)]
    assert [cycle.discharge_ah for cycle in found] == pytest.approx([0.5, 0.55])


def test_the_cycle_number_of_the_rows_goes_before_the_current():
    found = Meter(RULES).advance(rows_of([0, 60, 120, 180], [1, -1, 1, -1], [4] * 4, None, [7, 7, 9, 9])).cycles
    assert [(cycle.number, cycle.start_time, cycle.end_time) for cycle in found] == [(7, 0, 120)]


def test_the_swing_is_the_largest_fall_from_a_top():
    # Up 1 Ah, down 0.25, up 0.25 (the top again), down 0.75, up 0.5, down 1: from the top 1.25 in all.
    hours = np.cumsum([0, 1, 0.25, 0.25, 0.75, 0.5, 1])
    current = [1, -1, 1, -1, 1, -1]
    time = np.repeat(hours, 2)[1:-1] * 3600
    meter = Meter(RULES)
    meter.advance(rows_of(time, np.repeat(current, 2), np.linspace(3.9, 3.1, 12), None, np.ones(12)))
    cycle = meter.open_cycle
    assert cycle.swing_ah == pytest.approx(1.25)
    assert (cycle.swing_start_row, cycle.swing_end_row) == (7, 12)  # the jump to discharge is the last row at the top


def test_a_swing_begins_at_rest_also_where_rows_before_and_after_a_step_have_one_time():
    meter = Meter(RULES)
    meter.advance(rows_of([0, 60, 120, 120, 3720], [0, 0, 0, -1, -1], [4.21, 4.2, 4.19, 4.1, 3.0]))
    cycle = meter.open_cycle
    assert (cycle.swing_start_row, cycle.swing_start_voltage, cycle.swing_start_current) == (3, 4.19, 0.0)
    assert (cycle.swing_end_row, cycle.swing_end_voltage, cycle.swing_ah) == (5, 3.0, 1.0)


# --- resistance ----------------------------------------------------------------------------------------------------
def circuit_at_rest_then(current, delay, noise=0.0, before=60, seed=0):
    """Rows of R0 = 30 mΩ with an RC pair of 20 mΩ and 10 s on a constant OCV: rest, then this current."""
    chance = np.random.default_rng(seed)
    time = np.concatenate((np.arange(before) * 10.0, (before - 1) * 10.0 + delay + np.arange(3) * 10.0))
    flows = np.concatenate((np.zeros(before), np.full(3, current)))
    since = np.clip(time - time[before - 1], 0.0, None)
    volt = 3.7 + flows * 0.03 + current * 0.02 * (1 - np.exp(-since / 10.0))
    return rows_of(time, flows, volt + chance.normal(0, noise, len(time)))


@pytest.mark.parametrize(("current", "is_charge"), [(1.0, True), (-2.0, False)])
@pytest.mark.parametrize("delay", [0.01, 2.0])
def test_a_step_shows_the_resistance_of_its_delay(current, is_charge, delay):
    (found,) = Meter(RULES).advance(circuit_at_rest_then(current, delay)).resistances
    assert found.ohm == pytest.approx(0.03 + 0.02 * (1 - math.exp(-delay / 10.0)), rel=1e-9)  # the circuit's own
    assert found.is_charge is is_charge
    assert found.delay_s == pytest.approx(delay)
    assert (found.row_id, found.current_before, found.current_after) == (61, 0.0, current)


def test_the_deviation_of_a_resistance_is_that_of_the_noise():
    found = [
        resistance
        for seed in range(300)
        for resistance in Meter(RULES).advance(circuit_at_rest_then(1.0, 0.01, 1e-3, seed=seed)).resistances
    ]
    errors = np.array([each.ohm - 0.03 - 0.02 * (1 - math.exp(-0.001)) for each in found])
    # ΔV of two noisy rows: √2 · 1 mV over 1 A; 300 draws tell a deviation to 4 %, so five of these.
    assert errors.std() == pytest.approx(math.sqrt(2) * 1e-3, rel=0.2)
    assert np.mean([each.ohm_sd for each in found]) == pytest.approx(math.sqrt(2) * 1e-3, rel=0.1)


def test_steps_that_cannot_tell_are_left_out():
    def resistances(rows, rules=RULES):
        return len(Meter(rules).advance(rows).resistances)

    assert resistances(circuit_at_rest_then(1.0, 1.0)) == 1
    assert resistances(circuit_at_rest_then(0.19, 1.0)) == 0  # less than a tenth of C
    assert resistances(circuit_at_rest_then(1.0, 11.0)) == 0  # over more than 10 s
    assert resistances(circuit_at_rest_then(1.0, 1.0, noise=0.02)) == 0  # √2 · 20 mV over 1 A, 2 A are 1C
    assert resistances(circuit_at_rest_then(1.0, 1.0), MeasuringRules(None)) == 0  # C is not known


# --- checkpoints ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("with_numbers", [True, False])
def test_however_rows_are_cut_the_numbers_are_the_same_to_the_bit(with_numbers):
    _, _, rows = simulated(12, 600.0)
    if not with_numbers:
        rows = rows_of(rows.time, rows.current, rows.voltage, rows.temperature)
    whole = Meter(MeasuringRules(2.5))
    expected = whole.advance(rows)
    chance = np.random.default_rng(1)
    for size in (1, 50):
        meter, cycles, resistances, place = Meter(whole.rules), [], [], 0
        while place < len(rows):
            step = int(chance.integers(size, 2 * size))
            found = meter.advance(part(rows, place, place + step))
            cycles, resistances, place = cycles + found.cycles, resistances + found.resistances, place + step
            meter = Meter.restored(whole.rules, meter.checkpoint())
        assert (repr(cycles), repr(resistances)) == (repr(expected.cycles), repr(expected.resistances))
        assert meter.checkpoint() == whole.checkpoint()
    assert len(expected.cycles) > 5
    assert expected.resistances


def test_rows_that_are_no_reading_change_nothing():
    good = rows_of([0, 60, 120], [1, 1, 1], [4, 4, 4])
    bad = rows_of([0, 60, np.nan, 90, 91, 120], [1, 1, 1, 1e15, 1, 1], [4, 4, 4, 4, np.inf, 4])
    one, other = Meter(RULES), Meter(RULES)
    one.advance(good)
    other.advance(bad)
    assert repr(other.totals) == repr(one.totals)


def test_a_temperature_or_cycle_number_that_is_no_reading_is_not_known():
    meter = Meter(RULES)
    found = meter.advance(rows_of([0, 60, 120], [1, 1, 1], [4, 4, 4], [20, 1e300, 30], [1, 1e300, 1]))
    assert found.cycles == []
    assert (meter.open_cycle.number, meter.open_cycle.highest_temperature) == (1, 30.0)


def test_time_that_falls_is_refused_before_anything_is_taken():
    meter = Meter(RULES)
    with pytest.raises(BadRows, match="Row 3 at 5"):
        meter.advance(rows_of([0, 10, 5], [1, 1, 1], [4, 4, 4]))
    assert meter.newest_time is None


def test_a_damaged_checkpoint_is_refused():
    meter = Meter(RULES)
    meter.advance(rows_of([0, 10], [1, 1], [4, 4]))
    blob = meter.checkpoint()
    for damaged in (blob[:-1], b"METR\x09\x00" + blob[6:], b"UKFJ" + blob[4:]):
        with pytest.raises(BadCheckpoint):
            Meter.restored(RULES, damaged)


def test_time_in_soc_bands_is_the_same_however_it_is_cut():
    bands = SocBands()
    bands.add(np.array([0.0, 10.0, 20.0]), np.array([0.14, 0.24, 0.98]), 60.0)
    bands = SocBands.from_bytes(bands.to_bytes())
    bands.add(np.array([70.0, 200.0]), np.array([1.02, 0.5]), 60.0)
    # 10 s around 0.19, 10 s around 0.61, 50 s around 1; the last interval is a gap.
    assert bands.seconds == [0, 10.0, 0, 0, 0, 0, 10.0, 0, 0, 50.0]
    assert bands.estimates == 5


# --- measured capacity ---------------------------------------------------------------------------------------------
def test_from_full_to_empty_the_capacity_is_the_charge_itself():
    found = measured_capacity(1.5, soc_of_top_voltage=0.97, soc_of_bottom_voltage=0.0, top_c_rate=0.01)
    assert (found.capacity_ah, found.kind) == (1.5, CapacityKind.FULL)
    assert found.sd_ah == pytest.approx(1.5 * 0.05 / math.sqrt(3))  # anything from 0 to 5 % may be missing at the top
    ends = {"soc_of_top_voltage": 0.97, "soc_of_bottom_voltage": 0.02}
    assert measured_capacity(1.5, **ends, top_c_rate=0.01) is None  # the cut-off was not reached


def test_of_a_part_it_is_the_charge_over_its_span_of_soc():
    ends = {"soc_at_top": 0.9, "soc_sd_at_top": 0.03, "soc_at_bottom": 0.3, "soc_sd_at_bottom": 0.04}
    voltages = {"soc_of_top_voltage": 0.9, "soc_of_bottom_voltage": 0.2, "top_c_rate": 0.0}
    found = measured_capacity(1.2, **voltages, **ends)
    assert found.capacity_ah == pytest.approx(2.0)
    assert found.sd_ah == pytest.approx(2.0 / 0.6 * 0.05)  # hypot(0.03, 0.04) over the span
    assert found.kind == CapacityKind.SCALED
    leaning = measured_capacity(1.2, **voltages, **ends, estimated_sd_ah=0.1)
    assert leaning.sd_ah == pytest.approx(math.hypot(2.0 / 0.6 * 0.05, 0.1))
    assert measured_capacity(0.8, **voltages, **(ends | {"soc_at_bottom": 0.5})) is None  # too short a span
    assert measured_capacity(1.2, **voltages) is None
    # Under a charging current the voltage at the top says nothing of the SOC.
    assert measured_capacity(1.5, soc_of_top_voltage=0.99, soc_of_bottom_voltage=0.0, top_c_rate=0.5) is None


# --- against others ------------------------------------------------------------------------------------------------
def test_a_simulated_cells_cycles_and_charge_are_found():
    cell, columns, rows = simulated(30, 60.0, preset="lfp", duty="grid")
    meter = Meter(MeasuringRules(cell.nominal_capacity_ah))
    by_number = meter.advance(rows).cycles
    alone = Meter(MeasuringRules(cell.nominal_capacity_ah))
    by_current = alone.advance(rows_of(rows.time, rows.current, rows.voltage, rows.temperature)).cycles
    assert len(by_number) > 50
    assert [cycle.start_time for cycle in by_current] == [cycle.start_time for cycle in by_number]
    # Truth: the SOC's way, in the capacity it had. The logger's gain error of 0.1 % a row averages out.
    true_charge = np.diff(columns["true_soc"]) * columns["true_capacity"][1:]
    assert meter.totals.charge_ah == pytest.approx(true_charge[true_charge > 0].sum(), rel=5e-4)
    assert meter.totals.discharge_ah == pytest.approx(-true_charge[true_charge < 0].sum(), rel=5e-4)


def test_a_simulated_cells_resistance_is_found_within_its_deviation():
    cell, columns, rows = simulated(30, 60.0, preset="nmc", duty="grid")
    found = Meter(MeasuringRules(cell.nominal_capacity_ah)).advance(rows).resistances
    truth = columns["true_r0"][[each.row_id - 1 for each in found]]
    of_delay = cell.circuit.rc_ohm * (1 - np.exp(-np.array([each.delay_s for each in found]) / cell.circuit.rc_seconds))
    sigmas = np.array([each.ohm for each in found]) - truth - of_delay
    sigmas /= [each.ohm_sd for each in found]
    assert len(found) > 80
    assert 0.93 < np.mean(np.abs(sigmas) < 1.96) <= 1.0


def test_a_simulated_cells_capacity_is_found_from_its_true_soc():
    cell, columns, rows = simulated(20, 60.0, preset="nmc", duty="grid")
    soc, seen = columns["true_soc"], 0
    for cycle in Meter(MeasuringRules(cell.nominal_capacity_ah)).advance(rows).cycles:
        top, bottom = soc[cycle.swing_start_row - 1], soc[cycle.swing_end_row - 1]
        found = measured_capacity(
            cycle.swing_ah, soc_of_top_voltage=None, soc_of_bottom_voltage=None, top_c_rate=0.0,
            soc_at_top=top, soc_at_bottom=bottom,
        )  # fmt: skip
        if found is not None:
            seen += 1
            assert found.capacity_ah == pytest.approx(columns["true_capacity"][cycle.swing_end_row - 1], rel=2e-3)
    assert seen > 5


def test_battery_data_toolkits_summaries_of_a_real_cell_are_met(shared_data):
    import tables

    with tables.open_file(shared_data("batch_B10A_cell_3.h5")) as file:
        raw, theirs = file.root.raw_data[:], file.root.cycle_stats[:]
    names = ("test_time", "current", "voltage", "cycle_number")
    time, current, voltage, number = (raw[name].astype(np.float64) for name in names)
    meter = Meter(MeasuringRules(1.5))
    ours = meter.advance(rows_of(time, current, voltage, None, number)).cycles
    assert len(ours) == len(theirs) - 1  # the last goes on
    theirs = theirs[:-1]
    assert [cycle.number for cycle in ours] == theirs["cycle_number"].tolist()
    np.testing.assert_allclose([cycle.duration_s for cycle in ours], theirs["cycle_duration"], rtol=0, atol=1e-6)
    # The toolkit takes the largest change of charge, so within a cycle pulses cancel out; here both ways count.
    charge, discharge, swing = (
        np.array([getattr(cycle, name) for cycle in ours]) for name in ("charge_ah", "discharge_ah", "swing_ah")
    )
    has_pulses = np.abs(discharge - swing) > 1e-4
    assert has_pulses.sum() < 25
    np.testing.assert_allclose(charge[~has_pulses], theirs["capacity_charge"][~has_pulses], rtol=0, atol=5e-5)
    np.testing.assert_allclose(discharge[~has_pulses], theirs["capacity_discharge"][~has_pulses], rtol=0, atol=5e-5)
    np.testing.assert_allclose(charge - discharge, theirs["capacity_charge"] - theirs["capacity_discharge"], atol=5e-5)
