"""Measuring through the database: each row once, whatever the chunks, all or nothing."""

import numpy as np
import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from datahub.ingest import store_records
from datahub.queries import battery_named
from datahub.registration import delete_battery, register_battery
from energykit.measuring import MeasuringRules, Meter, MeterRows
from jobs.models import Shard
from jobs.shards import Round, shard_of, this_round
from tests.twin.cell_to_measure import CELL, COLUMNS, NAMES, battery, measure, measured, records
from twin.measured import cycles_of
from twin.measuring import advancing, again
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import (
    MeasuredCheckpoint,
    MeasuredCycle,
    MeasuredProgress,
    MeasuredResistance,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("at_once")]


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


def test_batteries_without_voltage_take_no_place_from_others(monkeypatch):
    monkeypatch.setattr(advancing, "MOST_BATTERIES_A_ROUND", 1)
    store_records("cell", records(0, 10))
    measure()
    store_records("cell", records(10, 20))
    store_records("no voltage", [{"test_time": 0.0, "current": 1.0}])  # never served: comes first
    assert advance_measurements()
    assert MeasuredProgress.objects.get(battery=battery()).rows_seen == 20


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
    room, place = (again, "commit_again") if with_late_rows else (advancing, "commit")
    verb = getattr(room, place)

    tokens = []

    def overtaken(*all_of):
        MeasuredProgress.objects.update(fence=F("fence") + 1, owner="another")
        stored = verb(*all_of)
        tokens.append(this_round.set(Round("this worker", {})))  # it notices that it has lost the shard
        return stored

    monkeypatch.setattr(room, place, overtaken)
    measure()
    this_round.reset(*tokens)
    assert measured() == before


def test_a_battery_whose_shard_another_worker_holds_is_left_alone():
    battery()
    store_records("cell", records(end=10))
    shard = shard_of(battery_named("cell").pk)

    def rows_seen_within(held):
        token = this_round.set(held)
        measure()
        this_round.reset(token)
        return sum(MeasuredProgress.objects.values_list("rows_seen", flat=True))

    assert rows_seen_within(Round("this worker", {number: 1 for number in range(16) if number != shard})) == 0
    Shard.objects.create(number=shard, owner="this worker", fence=1)
    assert rows_seen_within(Round("this worker", {shard: 1})) == 10


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
