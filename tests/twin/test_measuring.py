"""Measuring through the database: each row once, late rows as if they had come in order, all or nothing."""

import random
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from datahub.ingest import store_records
from datahub.queries import battery_named
from datahub.registration import delete_battery, register_battery, update_battery
from energykit.measuring import MeasuringRules, Meter, MeterRows
from energykit.simulation import SimulatedCell
from tests.twin.conftest import catch_up
from twin.measured import cycles_of
from twin.measuring import advancing, again
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import (
    MeasuredCheckpoint,
    MeasuredCycle,
    MeasuredProgress,
    MeasuredResistance,
)
from twin.measuring.work import with_other_rules
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NAMES = ("test_time", "current", "voltage", "temperature", "cycle_number")
CELL = SimulatedCell(3, preset="nmc", duty="grid")
COLUMNS = CELL.advance(8 * 86_400.0, 600.0)
NOMINAL = {"name": "cell", "battery": {"nominal_capacity": CELL.nominal_capacity_ah}}
SAME = [each.name for each in MeasuredCycle._meta.fields if each.name not in ("id", "battery")]


@pytest.fixture(autouse=True)
def at_once(settings, monkeypatch):
    settings.MEASURING_PAUSE_SECONDS = 0.0
    monkeypatch.setattr(advancing, "_next_look_at_rules", 0.0)
    monkeypatch.setattr(advancing, "SECONDS_BETWEEN_LOOKS_AT_RULES", 0.0)


def records(start=0, end=None):
    lists = [COLUMNS[name][start:end].tolist() for name in NAMES]
    return [dict(zip(NAMES, row, strict=True)) for row in zip(*lists, strict=True)]


def battery(name="cell"):
    return register_battery({**NOMINAL, "name": name})


def measure():
    while advance_measurements():
        continue


def measured(name="cell", *, with_ids=False):
    """All that was measured, as text that shows every bit; without ids of rows, which tell the order of arrival."""
    known = battery_named(name)
    progress = MeasuredProgress.objects.get(battery=known)
    meter = Meter.restored(MeasuringRules.from_mapping(progress.rules), bytes(progress.checkpoint))
    kept = [each for each in SAME if with_ids or not each.endswith("_row")]
    cycles = list(known.measured_cycles.values_list(*kept))
    steps = list(
        known.measured_resistances.values_list("test_time", "ohm", "ohm_sd", "delay_s", "is_charge", "temperature")
    )
    return repr((cycles, steps, meter.totals))


def test_the_duty_gives_what_the_meter_gives():
    battery()
    store_records("cell", records())
    measure()
    rows = MeterRows(np.arange(1, len(COLUMNS["test_time"]) + 1), *(COLUMNS[name].astype(float) for name in NAMES))
    meter = Meter(MeasuringRules(CELL.nominal_capacity_ah))
    found = meter.advance(rows)
    stored = list(MeasuredCycle.objects.values_list("number", "charge_ah", "throughput_ah", "swing_end_row"))
    assert stored == [(each.number, each.charge_ah, each.throughput_ah, each.swing_end_row) for each in found.cycles]
    steps = list(MeasuredResistance.objects.values_list("row_id", "ohm", "is_charge"))
    assert steps == [(each.row_id, each.ohm, each.is_charge) for each in found.resistances]
    progress = MeasuredProgress.objects.get()
    assert bytes(progress.checkpoint) == meter.checkpoint()
    assert (progress.cursor, progress.rows_seen, progress.latest_time) == (len(rows), len(rows), rows.time[-1])
    assert len(found.cycles) > 5
    assert len(cycles_of(battery_named("cell"))["cycle"]) == len(found.cycles)


def test_chunks_change_no_bit(monkeypatch):
    battery("whole")
    store_records("whole", records())
    measure()
    battery("cut")
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 0)
    monkeypatch.setattr(advancing, "FEWEST_ROWS_A_BATTERY", 37)
    for start in range(0, len(records()), 500):
        store_records("cut", records(start, start + 500))
        measure()
    assert measured("cut", with_ids=True) == measured("whole", with_ids=True)


# --- late rows -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0, 1])
def test_late_rows_end_as_if_they_had_come_in_order(settings, seed):
    settings.MEASURING_CHECKPOINT_ROWS = 100
    battery("in order")
    store_records("in order", records())
    measure()
    battery("late")
    rows, chance = records(), random.Random(seed)
    held_back = sorted(chance.sample(range(100, len(rows)), 40))
    for start in range(0, len(rows), 300):
        store_records(
            "late", [row for place, row in enumerate(rows[start : start + 300], start) if place not in held_back]
        )
        measure()
        came = [place for place in held_back if place < start + 300 - chance.randrange(200)]
        store_records("late", [rows[place] for place in came])
        held_back = [place for place in held_back if place not in came]
        measure()
    store_records("late", [rows[place] for place in held_back])
    measure()
    assert battery_named("late").late_rows > 20
    assert measured("late") == measured("in order")
    progress = MeasuredProgress.objects.get(battery__name="late")
    assert (progress.rows_seen, progress.cursor, progress.stale_from) == (len(rows), len(rows), None)


def test_measuring_again_begins_at_the_last_checkpoint_before_the_late_row(settings, monkeypatch):
    settings.MEASURING_CHECKPOINT_ROWS = 200
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 200)
    battery()
    rows = records()
    store_records("cell", rows[:450] + rows[451:])
    measure()
    begun = []
    reader = again.rows_in_order
    monkeypatch.setattr(again, "rows_in_order", lambda *all_of: begun.append(all_of[1]) or reader(*all_of))
    store_records("cell", [rows[450]])
    measure()
    assert begun[0] == (rows[399]["test_time"], 400)


def test_until_the_new_numbers_are_committed_the_old_ones_stand(monkeypatch):
    battery()
    rows = records()
    store_records("cell", rows[:150] + rows[151:])
    measure()
    before, seen = measured(), []

    def look(*all_of):
        seen.append((measured(), MeasuredProgress.objects.get().stale_from))
        return commit(*all_of)

    commit = again.commit_again
    monkeypatch.setattr(again, "commit_again", look)
    store_records("cell", [rows[150]])
    measure()
    assert seen == [(before, rows[150]["test_time"])]
    assert measured() != before


# --- all or nothing ------------------------------------------------------------------------------------------------
def test_a_fault_in_the_commit_leaves_nothing_behind(monkeypatch):
    battery()
    store_records("cell", records())

    def fail(*_):
        raise RuntimeError("pulled")

    with monkeypatch.context() as patched:
        patched.setattr("twin.measuring.commit.tables.update_progress", fail)
        with pytest.raises(RuntimeError, match="pulled"):
            advance_measurements()
    assert not MeasuredCycle.objects.exists()
    measure()
    assert measured(with_ids=True) == _in_one_go()


def _in_one_go():
    battery("other")
    store_records("other", records())
    measure()
    return measured("other", with_ids=True)


@pytest.mark.parametrize("with_late_rows", [False, True])
def test_what_was_taken_over_meanwhile_is_not_written(monkeypatch, with_late_rows):
    battery()
    rows = records()
    store_records("cell", rows[:50] + rows[51:100])
    measure()
    before = measured()
    store_records("cell", [rows[50]] if with_late_rows else rows[100:])
    place = "measure_again" if with_late_rows else "commit"
    verb = getattr(advancing, place)

    def overtaken(*all_of):
        MeasuredProgress.objects.update(fence=F("fence") + 1, owner="another")
        return verb(*all_of)

    monkeypatch.setattr(advancing, place, overtaken)
    advance_measurements()
    assert measured() == before


def test_a_battery_that_another_process_holds_is_left_alone():
    battery()
    store_records("cell", records(end=10))
    advancing.begin_new_ones()
    MeasuredProgress.objects.update(owner="another|x|1|1", lease_until=timezone.now() + timedelta(seconds=60))
    measure()
    assert MeasuredProgress.objects.get().rows_seen == 0


# --- rules ---------------------------------------------------------------------------------------------------------
def test_a_new_nominal_capacity_means_measuring_anew():
    battery()
    store_records("cell", records())
    measure()
    before = cycles_of(battery_named("cell"))
    update_battery(battery_named("cell"), metadata={"name": "cell", "battery": {"nominal_capacity": 5.0}})
    measure()
    assert MeasuredProgress.objects.get().rules["nominal_capacity_ah"] == 5.0
    np.testing.assert_array_equal(cycles_of(battery_named("cell"))["efc"], before["throughput_ah"] / 10.0)


def test_the_look_for_other_rules_loads_no_checkpoint():
    register_battery({"name": "cell"})
    store_records("cell", records(0, 20))
    measure()
    update_battery(battery_named("cell"), metadata={"name": "cell", "battery": {"nominal_capacity": 5.0}})
    with CaptureQueriesContext(connection) as asked:
        assert with_other_rules() == [battery_named("cell").pk]
    assert not [query["sql"] for query in asked.captured_queries if "checkpoint" in query["sql"]]
    measure()
    assert with_other_rules() == []


def test_rows_without_voltage_wait_and_a_column_of_text_is_no_temperature():
    register_battery({"name": "no voltage"})
    store_records("no voltage", [{"test_time": 1.0, "current": 1.0}])
    register_battery({"name": "odd"})
    store_records(
        "odd", [{"test_time": 60.0 * k, "Current": 1.0, "Voltage": 4.0, "temperature": "warm"} for k in range(3)]
    )
    measure()
    assert MeasuredProgress.objects.get(battery__name="no voltage").rows_seen == 0
    assert "charge_ah=0.03333333333333333" in measured("odd")


# --- SOC bands -----------------------------------------------------------------------------------------------------
def test_batteries_without_voltage_take_no_place_from_others(monkeypatch):
    monkeypatch.setattr(advancing, "MOST_BATTERIES_A_ROUND", 1)
    store_records("cell", records(0, 10))
    measure()
    store_records("cell", records(10, 20))
    store_records("no voltage", [{"test_time": 0.0, "current": 1.0}])  # never served: comes first
    assert advance_measurements()
    assert MeasuredProgress.objects.get(battery=battery()).rows_seen == 20


def test_time_in_soc_bands_is_the_current_estimators_and_follows_it():
    battery()
    parameters = {"capacity_ah": 2.5, "r0_ohm": 0.03, "ocv_soc": [0.0, 1.0], "ocv_voltage": [3.0, 4.2]}
    register_estimator(battery_name="cell", kind="joint_ukf", parameters=parameters)
    rows = records()
    store_records("cell", rows[:300] + rows[350:])
    catch_up()
    measure()
    first = _bands()
    assert first == _expected_bands()
    store_records("cell", rows[300:350])  # late: estimates from there on are replaced
    catch_up()
    measure()
    assert _bands() == _expected_bands() != first
    register_estimator(battery_name="cell", kind="joint_ukf", parameters={**parameters, "ocv_voltage": [2.5, 4.5]})
    catch_up()
    measure()
    assert _bands() == _expected_bands()
    assert _bands() != first


def _bands():
    from energykit.measuring import SocBands

    return SocBands.from_bytes(bytes(MeasuredProgress.objects.get().soc_checkpoint)).seconds


def _expected_bands():
    block = estimates(current_estimator(battery_named("cell")))
    soc, seconds = block.means[:, 0], np.diff(block.test_time)
    bands = [0.0] * 10
    for middle, each in zip(((soc[1:] + soc[:-1]) / 2).tolist(), seconds.tolist(), strict=True):
        bands[min(max(int(middle * 10), 0), 9)] += each if each <= 3600.0 else 0.0  # a gap
    return bands


# --- many ----------------------------------------------------------------------------------------------------------
def test_a_battery_more_costs_one_query_for_its_rows():
    def queries(names):
        for name in names:
            battery(name)
            store_records(name, records(end=30))
        measure()
        for name in names:
            store_records(name, records(30, 60))
        with CaptureQueriesContext(connection) as found:
            advance_measurements()
        return len(found)

    assert queries([f"many {number}" for number in range(8)]) - queries(["one", "other"]) == 6


def test_deleting_a_battery_deletes_what_was_measured_of_it():
    battery()
    store_records("cell", records())
    measure()
    delete_battery(battery_named("cell"))
    assert not MeasuredCycle.objects.exists()
    assert not MeasuredProgress.objects.exists()
    assert not MeasuredCheckpoint.objects.exists()
    assert not MeasuredResistance.objects.exists()
