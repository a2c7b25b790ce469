"""A battery's oldest rows are deleted: what was made of them stays, what goes on is as if they were still there."""

import time

import numpy as np
import pytest
from django.db.models import F

from datahub import retention
from datahub.ingest import store_records
from datahub.models import Battery
from datahub.queries import battery_named
from datahub.registration import update_battery
from datahub.retention import drop_portion
from energykit.measuring import MeasuringRules, Meter
from tests.twin import cell_to_measure, oracle
from tests.twin.conftest import catch_up
from twin.estimation import fleet, recomputing, work
from twin.estimation.claims import claim
from twin.estimation.commit import commit
from twin.estimation.fleet import advance_fleet
from twin.estimation.work import with_progress, with_rows_waiting
from twin.measuring import advancing
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredCheckpoint, MeasuredCycle, MeasuredProgress, MeasuredResistance
from twin.models import EstimatorProgress, Recomputation, Recomputed
from twin.provenance import provenance
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator
from twin.results import delete_results
from twin.states import condition_of, rows_behind

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def small_steps(settings, monkeypatch):
    settings.ESTIMATION_CHUNK_ROWS = 7
    settings.CHECKPOINT_ROWS = 5
    settings.MEASURING_PAUSE_SECONDS = 0.0
    settings.MEASURING_CHECKPOINT_ROWS = 5
    monkeypatch.setattr(recomputing, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(advancing, "_next_look_at_rules", 0.0)
    monkeypatch.setattr(advancing, "SECONDS_BETWEEN_LOOKS_AT_RULES", 0.0)


ROWS = oracle.records(last=60)


def register(name="cell"):
    return register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters("one_rc"))


def keep_newest(count, name="cell"):
    """Deletes all other rows, as the duty does it."""
    battery = battery_named(name)
    update_battery(battery, most_rows=count, when_full="drop")
    waiting = [battery.pk]
    while waiting:
        waiting = drop_portion(waiting, time.time())
    return battery_named(name)


def found(name="cell"):
    return estimates(current_estimator(battery_named(name)))


def progress(name="cell"):
    return EstimatorProgress.objects.get(estimator__battery__name=name, estimator__is_current=True)


def catch_up_first_track():
    """Another process may be quick with it and slow with the second one."""
    kept = work.tracks_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet, "tracks_of", lambda estimator: [each for each in kept(estimator) if not each.is_again])
        while advance_fleet():
            continue


def measure():
    while advance_measurements():
        continue


def test_estimates_go_on_as_if_the_rows_were_still_there():
    for name in ("cell", "whole"):
        register(name)
        store_records(name, ROWS[:40])
    catch_up()
    measure()
    keep_newest(3)
    assert rows_behind(current_estimator(battery_named("cell"))) == 0
    for name in ("cell", "whole"):
        store_records(name, ROWS[40:])
    catch_up()
    measure()
    np.testing.assert_array_equal(found().row_ids, found("whole").row_ids)
    np.testing.assert_array_equal(found().means, found("whole").means)
    assert progress().checkpoint == progress("whole").checkpoint
    assert progress().rows_seen == 60
    of_cell, of_whole = (MeasuredProgress.objects.get(battery__name=name) for name in ("cell", "whole"))
    assert bytes(of_cell.checkpoint) == bytes(of_whole.checkpoint)


def test_who_has_not_seen_them_moves_on_past_them():
    register()
    store_records("cell", ROWS[:10])
    catch_up()
    store_records("cell", ROWS[10:40])
    keep_newest(20)
    assert rows_behind(current_estimator(battery_named("cell"))) == 20
    catch_up()
    measure()
    assert (progress().cursor, progress().rows_seen) == (40, 40)
    assert not with_rows_waiting("joint_ukf", 10)
    assert found().row_ids.tolist() == [*range(2, 11), *range(21, 41)]
    assert MeasuredProgress.objects.get().rows_seen == 40
    assert condition_of(current_estimator(battery_named("cell"))).state in ("ready", "inconsistent")


def test_what_was_stepped_while_they_went_is_not_written(monkeypatch):
    register()
    store_records("cell", ROWS[:20])
    committed = []

    def drop_first(advances):
        keep_newest(10)
        committed.extend(commit(list(advances)))
        return committed

    monkeypatch.setattr(fleet, "commit", drop_first)
    advance_fleet()
    assert committed == []
    monkeypatch.setattr(fleet, "commit", commit)
    catch_up()
    assert found().row_ids.tolist() == list(range(12, 21))  # row 11 only says which current flows until row 12
    assert progress().rows_seen == 20


def test_a_new_version_and_one_begun_again_start_at_the_first_row_left():
    register()
    store_records("cell", ROWS[:30])
    catch_up()
    keep_newest(10)
    second = register()
    assert second.progress.rows_seen == 20
    catch_up()
    second.refresh_from_db()
    assert second.is_current
    assert found().row_ids.tolist() == list(range(22, 31))
    delete_results(second, even_if_current=True)
    assert progress().rows_seen == 20
    catch_up()
    assert found().row_ids.tolist() == list(range(22, 31))


def test_late_rows_are_worked_in_from_a_checkpoint_after_the_last_deleted_row():
    late_old, late_new = ROWS[3], ROWS[45]
    arriving = [row for row in ROWS if row not in (late_old, late_new)]
    register()
    store_records("cell", arriving)
    catch_up()
    before = found()
    battery = keep_newest(40)
    store_records("cell", [late_old])
    catch_up()
    assert progress().late_from is None
    assert progress().rows_skipped["late"] == 1
    np.testing.assert_array_equal(found().means, before.means)
    assert not Recomputed.objects.exists()

    store_records("cell", [late_new])
    catch_up()
    worked_in = Recomputed.objects.get()
    assert worked_in.from_time > battery.dropped_until
    register("ordered")
    store_records("ordered", [row for row in ROWS if row is not late_old])
    catch_up()
    np.testing.assert_array_equal(found().test_time, found("ordered").test_time)
    np.testing.assert_array_equal(found().means, found("ordered").means)


def test_a_recomputation_that_still_needs_deleted_rows_is_given_up(monkeypatch):
    register()
    store_records("cell", [*ROWS[:5], *ROWS[6:40]])
    catch_up()
    before = found()
    store_records("cell", [ROWS[5]])
    advance_fleet()
    advance_fleet()
    assert Recomputation.objects.get().in_order
    keep_newest(3)
    assert not Recomputation.objects.exists()
    catch_up()
    np.testing.assert_array_equal(found().means, before.means)
    assert (progress().late_from, progress().rows_seen) == (None, 40)


def test_a_recomputation_past_its_order_of_time_is_given_up_where_rows_go_that_only_the_first_track_has_seen():
    register()
    store_records("cell", [*ROWS[:30], *ROWS[31:36], ROWS[30]])
    catch_up_first_track()
    store_records("cell", ROWS[36:56])
    while not Recomputation.objects.filter(in_order=False).exists():
        advance_fleet()
    catch_up_first_track()
    before, again = found(), Recomputation.objects.get()
    assert again.cursor < 50 < progress().cursor
    keep_newest(4)
    catch_up()
    np.testing.assert_array_equal(found().row_ids, before.row_ids)
    np.testing.assert_array_equal(found().means, before.means)
    assert (progress().rows_seen, progress().rows_skipped["late"]) == (56, 1)


def test_an_advance_of_one_that_has_seen_them_is_not_disturbed():
    register()
    store_records("cell", ROWS[:20])
    catch_up()
    store_records("cell", ROWS[20:25])
    fences = claim(with_rows_waiting("joint_ukf", 10))
    keep_newest(10)
    (estimator,) = with_progress(fences)
    assert estimator.progress.fence == fences[estimator.pk]


def test_measurements_pass_over_late_rows_from_before_and_take_new_rules_from_where_they_stand():
    arriving = [*ROWS[:3], *ROWS[4:50]]
    store_records("cell", arriving)
    measure()
    checkpoint = MeasuredProgress.objects.get().checkpoint
    keep_newest(10)
    store_records("cell", [ROWS[3]])
    measure()
    measured = MeasuredProgress.objects.get()
    assert bytes(measured.checkpoint) == bytes(checkpoint)
    assert (measured.rows_seen, measured.cursor, measured.stale_from) == (50, 50, None)
    update_battery(battery_named("cell"), metadata={"name": "cell", "battery": {"nominal_capacity": 2.0}})
    measure()
    measured.refresh_from_db()
    assert measured.rules["nominal_capacity_ah"] == 2.0
    assert bytes(measured.checkpoint) == bytes(checkpoint)


def test_measuring_again_is_not_written_when_rows_that_it_read_went_meanwhile(monkeypatch):
    store_records("cell", [*ROWS[:30], *ROWS[31:50]])
    measure()
    store_records("cell", [ROWS[30]])
    from twin.measuring import again

    commit_again, answers = again.commit_again, []

    def drop_first(found):
        if not answers:
            keep_newest(5)
        answers.append(commit_again(found))
        return answers[-1]

    monkeypatch.setattr(again, "commit_again", drop_first)
    measure()
    assert (answers[0], answers[-1]) == (False, True)
    assert MeasuredProgress.objects.get().rows_seen == 50


@pytest.mark.parametrize("rows_gone", ["up to the end of a cycle", "to within a cycle", "to within the open cycle"])
def test_what_was_measured_of_deleted_rows_outlasts_a_checkpoint_that_cannot_be_read(rows_gone):
    rows, first_of_cycle = cell_to_measure.records(), {}
    for place, row in enumerate(rows):
        first_of_cycle.setdefault(row["cycle_number"], place)
    gone, begun = {
        "up to the end of a cycle": (first_of_cycle[9], first_of_cycle[9] + 1),
        "to within a cycle": (first_of_cycle[9] + 7, first_of_cycle[10] + 1),
        "to within the open cycle": (first_of_cycle[16] + 7, first_of_cycle[16] + 7),
    }[rows_gone]
    cell_to_measure.battery()
    store_records("cell", rows)
    measure()
    before, resistances = of_cycles(), of_resistances()
    assert (len(before), len(resistances) > 10) == (15, True)
    keep_newest(len(rows) - gone)
    MeasuredCheckpoint.objects.all().delete()
    stored = bytes(MeasuredProgress.objects.get().checkpoint)
    MeasuredProgress.objects.update(checkpoint=stored[:4] + b"\7\0" + stored[6:])
    measure()
    assert of_cycles() == before
    assert [each for each in of_resistances() if each[0] <= begun] == [each for each in resistances if each[0] <= begun]
    later = dict(resistances)
    assert all(later[row_id] == ohm for row_id, ohm in of_resistances() if row_id > begun and row_id in later)
    progress = MeasuredProgress.objects.get()
    assert (progress.rows_seen, progress.stale_from) == (len(rows), None)
    totals = Meter.restored(MeasuringRules.from_mapping(progress.rules), bytes(progress.checkpoint)).totals
    if gone < first_of_cycle[16]:
        whole = Meter.restored(MeasuringRules.from_mapping(progress.rules), stored).totals
        assert totals.throughput_ah == pytest.approx(whole.throughput_ah, rel=1e-12)
    else:
        cut = sum(each["charge_ah"] for each in MeasuredCycle.objects.values("charge_ah"))
        assert cut < totals.charge_ah < cut + 1.1 * cell_to_measure.CELL.nominal_capacity_ah


def of_cycles():
    return list(MeasuredCycle.objects.order_by("place").values_list(*cell_to_measure.SAME))


def of_resistances():
    return list(MeasuredResistance.objects.order_by("row_id").values_list("row_id", "ohm"))


def test_where_an_estimate_comes_from_tells_what_was_deleted():
    estimator = register()
    store_records("cell", ROWS[:30])
    catch_up()
    battery = keep_newest(10)
    estimator = current_estimator(battery)
    told = provenance(estimator, 15)
    assert told["rows"]["used"] == 0
    assert (told["rows"]["deleted_since"], told["rows"]["deleted_until"]) == (20, battery.dropped_until)
    assert not told["checkpoint"]["has_all_rows_after_it"]
    assert provenance(estimator, 30)["checkpoint"]["has_all_rows_after_it"]


def test_a_script_waits_for_data_among_the_rows_left(register_script, script):
    store_records("cell", ROWS[:30])
    keep_newest(5)
    span = ROWS[29]["test_time"] - ROWS[25]["test_time"]
    estimator = register_script("cell", script("coulomb_counter"), required_time=2 * span)
    catch_up()
    assert condition_of(current_estimator(battery_named("cell")) or estimator).state == "waiting"
    store_records("cell", ROWS[30:50])
    catch_up()
    assert found().row_ids[0] >= 26
    assert progress().rows_seen == 50


def test_the_duty_leaves_a_battery_deleted_meanwhile():
    store_records("cell", ROWS[:10])
    waiting = [battery_named("cell").pk]
    Battery.objects.all().update(most_rows=F("rows") - 5, when_full="drop")
    battery_named("cell").delete()
    assert drop_portion(waiting, time.time()) == []
    assert retention.due(time.time()) == []
