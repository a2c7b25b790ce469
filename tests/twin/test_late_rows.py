"""Late rows: once they are worked in, every number is that of an estimator that was given all rows in order."""

import random

import numpy as np
import pytest
from django.db import connection

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin import oracle
from tests.twin.conftest import catch_up
from tests.twin.late import (
    as_they_came,
    assert_is_what_the_filter_makes_of_sorted_rows,
    assert_same,
    found,
    in_order,
    progress_of,
    register,
    rows,
    shuffled,
)
from twin import tables
from twin.estimation import fleet, recomputing, replacing
from twin.estimation.fleet import advance_fleet
from twin.models import Checkpoint, EstimatorProgress, Recomputation, Recomputed
from twin.queries import current_estimator
from twin.states import condition_of
from twin.tables import estimates_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("many_chunks")]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_late_the_numbers_are_those_of_rows_in_order(seed, settings, monkeypatch):
    chance = random.Random(seed)
    if seed % 2:
        replaced_in_portions(monkeypatch)
    settings.ESTIMATION_CHUNK_ROWS = chance.choice([2, 7, 50])
    settings.CHECKPOINT_ROWS = chance.choice([1, 5, 30])
    records = rows(60, twins=chance.sample(range(1, 60), 5))
    arriving = shuffled(records, chance.choice([1, 3, 15]), chance)
    register("cell")
    while arriving:  # several at once and one by one, with any number of rounds between
        size = chance.choice([1, 4, 20])
        store_records("cell", arriving[:size])
        arriving = arriving[size:]
        for _ in range(chance.randrange(4)):
            advance_fleet()
    catch_up()
    stored = as_they_came("cell")
    assert_is_what_the_filter_makes_of_sorted_rows("cell", stored)
    register("ordered")
    store_records("ordered", in_order(stored))
    catch_up()
    assert_same("cell", "ordered")
    assert condition_of(current_estimator(battery_named("cell"))).state == "ready"


def test_a_late_row_before_the_first_checkpoint_begins_at_the_first_row(settings):
    settings.CHECKPOINT_ROWS = 1000
    records = rows(20)
    register("cell")
    store_records("cell", records[1:])
    catch_up()
    store_records("cell", records[:1])
    catch_up()
    assert_is_what_the_filter_makes_of_sorted_rows("cell", records)
    assert Recomputed.objects.get().from_time is None


def test_it_begins_at_the_last_checkpoint_before_the_late_rows():
    records = rows(40)
    register("cell")
    store_records("cell", records[:31] + records[32:])
    catch_up()
    kept = list(Checkpoint.objects.exclude(latest_time=None).values_list("latest_time", flat=True))
    store_records("cell", records[31:32])
    catch_up()
    told = Recomputed.objects.get()
    assert told.from_time == max(time for time in kept if time <= records[31]["test_time"])
    assert told.from_time > records[20]["test_time"]
    assert_is_what_the_filter_makes_of_sorted_rows("cell", records)


def test_until_the_end_readers_see_the_old_series_with_its_new_rows_marked_stale():
    records = rows(60)
    register("cell")
    store_records("cell", records[:10] + records[11:50])
    catch_up()
    before = found("cell")
    store_records("cell", records[10:11])
    advance_fleet()  # finds it
    advance_fleet()  # begins
    store_records("cell", records[50:52])
    advance_fleet()
    assert Recomputation.objects.exists()
    during = found("cell")
    np.testing.assert_array_equal(during.means[: len(before)], before.means)
    assert len(during) == len(before) + 2
    condition = condition_of(current_estimator(battery_named("cell")))
    assert condition.state == "stale"
    assert condition.sentence.startswith(f"1 late row from t = {records[10]['test_time']:.0f} s. Computing anew: ")
    catch_up()
    assert len(found("cell")) == len(during) + 1
    assert not Recomputation.objects.exists()
    assert f"{estimates_table(current_estimator(battery_named('cell')).pk)}_again" not in (
        connection.introspection.table_names()
    )


def test_many_batteries_are_computed_anew_in_the_same_array_operations(monkeypatch):
    records = rows(30)
    for number in range(5):
        register(f"cell {number}", "one_rc" if number % 2 else "no_rc")
        store_records(f"cell {number}", records[:4] + records[5:])
    catch_up()
    sizes = []
    advance = fleet.FleetFilter.advance
    monkeypatch.setattr(fleet.FleetFilter, "advance", lambda self, rows: sizes.append(len(rows)) or advance(self, rows))
    for number in range(5):
        store_records(f"cell {number}", records[4:5])
    catch_up()
    assert sizes[0] == 5  # finds the late rows
    assert set(sizes[1:]) == {5}
    for number in range(5):
        assert_is_what_the_filter_makes_of_sorted_rows(f"cell {number}", records, "one_rc" if number % 2 else "no_rc")


def replaced_in_portions(monkeypatch, rows=3):
    """As long series are."""
    monkeypatch.setattr(replacing, "MOST_ROWS_AT_ONCE", 0)
    monkeypatch.setattr(replacing, "ROWS_A_PORTION", rows)


def test_a_long_series_is_replaced_in_portions_and_readers_see_the_old_one_or_the_new_one(monkeypatch):
    replaced_in_portions(monkeypatch)
    records = rows(40)
    register("cell")
    store_records("cell", records[:21] + records[22:])
    catch_up()
    estimator_id = current_estimator(battery_named("cell")).pk
    seen = [found("cell").means.tobytes()]
    for late in (records[21:22], [{**records[30], "voltage": 3.9}]):
        store_records("cell", late)
        while advance_fleet():
            seen.append(found("cell").means.tobytes())
        assert len(set(seen)) == 2
        assert seen[-1] != seen[0]
        assert seen.count(seen[0]) > 20 // 3  # it took a round for each portion of the head
        seen = seen[-1:]
    records = in_order([*records, *late])
    assert_is_what_the_filter_makes_of_sorted_rows("cell", records)
    store_records("cell", oracle.records(40, 50))
    catch_up()
    assert_is_what_the_filter_makes_of_sorted_rows("cell", [*records, *oracle.records(40, 50)])
    assert replacing.tables.with_replaced(connection) == [estimator_id]
    leftovers, portions = replacing.Leftovers(), 0
    while replacing.delete_replaced_series(leftovers):
        portions += 1
    assert portions == 40 // 3
    assert replacing.tables.with_replaced(connection) == []


@pytest.mark.parametrize("victim", ["insert", "replace_tail", "copy_head", "take_the_place", "after the last"])
def test_a_process_that_dies_between_any_two_steps_loses_and_repeats_nothing(victim, monkeypatch):
    """It dies at every n-th call of what writes; the next round is that of another process."""
    records = rows(40)
    register("cell")
    store_records("cell", records[:13] + records[14:])
    catch_up()
    store_records("cell", records[13:14])
    calls = []

    class Killed(BaseException):
        pass

    def dying(function):
        def call(*args, **kwargs):
            calls.append(1)
            result = function(*args, **kwargs)
            if len(calls) % 2:
                raise Killed
            return result

        return call

    if victim == "after the last":
        monkeypatch.setattr(replacing, "_record", dying(replacing._record))
    elif victim == "insert":
        monkeypatch.setattr(tables, "insert", dying(tables.insert))
    else:
        monkeypatch.setattr(replacing.tables, victim, dying(getattr(replacing.tables, victim)))
    if victim in ("copy_head", "take_the_place"):
        replaced_in_portions(monkeypatch, rows=1)
    for _ in range(200):
        try:
            if not advance_fleet():
                break
        except Killed:
            continue
    assert calls
    assert_is_what_the_filter_makes_of_sorted_rows("cell", records)
    assert progress_of("cell").rows_skipped == {"first_control": 1}


def test_each_is_replaced_by_itself_after_what_was_stepped_is_stored(monkeypatch):
    records = rows(20)
    for name in ("first", "second"):
        register(name)
        store_records(name, records[:14] + records[15:])
    catch_up()
    for name in ("first", "second"):
        store_records(name, records[14:15])
    replace_tail = replacing.tables.replace_tail

    def fails(connection, estimator_id, *rest):
        if estimator_id == progress_of("second").pk:
            raise OSError("no room left")
        replace_tail(connection, estimator_id, *rest)

    monkeypatch.setattr(replacing.tables, "replace_tail", fails)
    with pytest.raises(OSError, match="no room left"):
        catch_up()
    assert (progress_of("first").series, progress_of("second").series) == (1, 0)
    assert Recomputation.objects.get().rows_stepped == 19
    monkeypatch.undo()
    catch_up()
    for name in ("first", "second"):
        assert_is_what_the_filter_makes_of_sorted_rows(name, records)


def test_what_another_process_claimed_meanwhile_is_not_replaced(monkeypatch):
    records = rows(20)
    register("cell")
    store_records("cell", records[:3] + records[4:])
    catch_up()
    store_records("cell", records[3:4])
    advance_fleet()

    def taken_over(self, rows):
        EstimatorProgress.objects.update(fence=EstimatorProgress.objects.get().fence + 1)
        return advance(self, rows)

    advance = fleet.FleetFilter.advance
    monkeypatch.setattr(fleet.FleetFilter, "advance", taken_over)
    advance_fleet()
    assert (Recomputation.objects.get().rows_stepped, progress_of("cell").series) == (0, 0)


def test_rows_that_come_late_all_the_time_wait_for_the_next_turn(monkeypatch):
    records = rows(30)
    register("cell")
    store_records("cell", records[:10] + records[11:20])
    catch_up()
    store_records("cell", records[10:11])
    catch_up()
    monkeypatch.setattr(recomputing, "PAUSE_SECONDS", 3600.0)
    store_records("cell", [*records[21:30], records[20]])
    catch_up()
    assert not Recomputation.objects.exists()
    condition = condition_of(current_estimator(battery_named("cell")))
    assert condition.sentence == f"1 late row from t = {records[20]['test_time']:.0f} s. Will be worked in."


def test_estimates_of_before_there_were_checkpoints_are_made_anew_from_the_first_row():
    records = rows(20)
    register("cell")
    store_records("cell", records[:9] + records[10:])
    catch_up()
    Checkpoint.objects.all().delete()
    store_records("cell", records[9:10])
    catch_up()
    assert_is_what_the_filter_makes_of_sorted_rows("cell", records)
