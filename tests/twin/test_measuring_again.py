"""Measuring again, after late rows and under other rules: portion by portion, as if all had come in order."""

import random

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datahub.ingest import store_records
from datahub.queries import battery_named
from datahub.registration import register_battery, update_battery
from tests.twin.cell_to_measure import CELL, battery, measure, measured, records
from twin.measured import cycles_of, totals_of
from twin.measuring import advancing, again
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredProgress
from twin.measuring.work import with_other_rules, with_unreadable_checkpoint

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("at_once")]


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


def other_capacity(name, ampere_hours):
    update_battery(battery_named(name), metadata={"name": name, "battery": {"nominal_capacity": ampere_hours}})


def test_it_goes_in_portions_beside_the_rows_of_others_and_tells_how_far_it_is(monkeypatch):
    rows = records()
    for name in ("cell", "other"):
        battery(name)
        store_records(name, rows[:600])
        measure()
    before = measured()
    other_capacity("cell", 5.0)
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 200)
    store_records("other", rows[600:700])
    advance_measurements()
    advance_measurements()
    progress = MeasuredProgress.objects.get(battery__name="cell")
    assert (progress.again_rows, progress.again_of) == (200, 600)
    assert measured() == before
    totals = totals_of(battery_named("cell"))
    assert (totals.again_rows, totals.again_of, totals.nominal_capacity_ah) == (200, 600, CELL.nominal_capacity_ah)
    assert MeasuredProgress.objects.get(battery__name="other").rows_seen == 700
    measure()
    progress.refresh_from_db()
    assert (progress.again_rows, progress.again_of, progress.rules["nominal_capacity_ah"]) == (None, None, 5.0)


def test_one_process_measures_only_so_many_again_at_a_time(monkeypatch):
    for number in range(5):
        battery(f"cell {number}")
        store_records(f"cell {number}", records(end=50))
    measure()
    monkeypatch.setattr(advancing, "MOST_AGAIN", 2)
    for number in range(5):
        other_capacity(f"cell {number}", 5.0)
    sizes = []
    while advance_measurements():
        sizes.append(len(advancing.under_way))
    assert max(sizes) == 2
    assert {each.rules["nominal_capacity_ah"] for each in MeasuredProgress.objects.all()} == {5.0}


def test_one_that_is_lost_with_its_process_is_begun_anew(monkeypatch):
    rows = records()
    battery("in order")
    store_records("in order", rows[:500])
    battery()
    store_records("cell", rows[:100] + rows[101:500])
    measure()
    store_records("cell", rows[100:101])
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 200)
    advance_measurements()
    advance_measurements()
    assert list(advancing.under_way) == [battery_named("cell").pk]
    advancing.under_way.clear()
    measure()
    assert measured() == measured("in order")


@pytest.mark.parametrize("damage", ["another version", "cut short"])
def test_a_checkpoint_that_cannot_be_read_is_found_without_new_rows(damage):
    battery()
    battery("sound")
    for name in ("cell", "sound"):
        store_records(name, records())
    measure()
    whole = measured()
    progress = MeasuredProgress.objects.get(battery__name="cell")
    stored = bytes(progress.checkpoint)
    progress.checkpoint = stored[:4] + b"\7\0" + stored[6:] if damage == "another version" else stored[:-8]
    progress.save()
    assert with_unreadable_checkpoint() == [progress.pk]
    measure()
    assert measured() == whole
    assert with_unreadable_checkpoint() == []
