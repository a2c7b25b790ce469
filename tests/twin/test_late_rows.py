"""Late rows: once they are worked in, every number is that of an estimator that was given all rows in order."""

import random
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from datahub.ingest import store_records
from datahub.queries import battery_named
from energykit.ukf import FilterRows, JointFilterParameters, run_filter
from jobs.models import Job
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs
from twin.errors import EstimatorFailed, NotFailed
from twin.estimation import fleet, recomputing, replacing, scripts
from twin.estimation.fleet import advance_fleet
from twin.estimation.lease import KEEP_SECONDS
from twin.estimation.scripts import advance_scripts, warm_guests
from twin.models import Checkpoint, EstimatorProgress, Recomputation, Recomputed
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator, retry_estimator
from twin.states import condition_of
from twin.tables import estimates_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NUMBERS = ("test_time", "means", "covariances", "predicted_voltage", "innovation", "innovation_variance")


@pytest.fixture(autouse=True)
def small_steps(settings, monkeypatch):
    """Many chunks, many checkpoints, and no waiting for more late rows."""
    settings.ESTIMATION_CHUNK_ROWS = 7
    settings.CHECKPOINT_ROWS = 5
    monkeypatch.setattr(recomputing, "PAUSE_SECONDS", 0.0)


def rows(count, twins=()):
    """The simulated cell's first rows; `twins` are places whose row has the test_time of the row before."""
    found = oracle.records(last=count)
    for place in twins:
        found[place] = {**found[place], "test_time": found[place - 1]["test_time"]}
    return found


def shuffled(records, late, chance):
    """The rows with some of them moved to a later place; the others keep their order."""
    found = list(records)
    for place in sorted(chance.sample(range(len(records)), late), reverse=True):
        moved = found.pop(place)
        found.insert(chance.randrange(place, len(found) + 1), moved)
    return found


def in_order(records):
    """(test_time, arrival), as sorting keeps rows of equal times in the order in which they came."""
    return sorted(records, key=lambda row: row["test_time"])


def register(name, case="one_rc"):
    return register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters(case))


def found(name):
    return estimates(current_estimator(battery_named(name)))


def progress_of(name):
    return EstimatorProgress.objects.get(estimator__battery__name=name)


def assert_same(name, other):
    ours, theirs = found(name), found(other)
    for column in NUMBERS:
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column), err_msg=column)
    ours, theirs = progress_of(name), progress_of(other)
    for column in ("rows_seen", "rows_stepped", "rows_skipped", "late_from", "latest_time", "mean", "covariance",
                   "mean_nis", "evidence", "checkpoint", "reference_capacity"):  # fmt: skip
        assert getattr(ours, column) == getattr(theirs, column), column


def assert_is_what_the_filter_makes_of_sorted_rows(name, records, case="one_rc"):
    columns = [np.array([row[column] for row in in_order(records)]) for column in ("test_time", "current", "voltage")]
    alone = run_filter(JointFilterParameters.from_mapping(oracle.parameters(case)), FilterRows(*columns))
    np.testing.assert_array_equal(found(name).means, alone.means[alone.stepped])
    np.testing.assert_array_equal(found(name).covariances, alone.covariances[alone.stepped])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_late_the_numbers_are_those_of_rows_in_order(seed, settings):
    chance = random.Random(seed)
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
    stored = _as_they_came("cell")
    assert_is_what_the_filter_makes_of_sorted_rows("cell", stored)
    register("ordered")
    store_records("ordered", in_order(stored))
    catch_up()
    assert_same("cell", "ordered")
    assert condition_of(current_estimator(battery_named("cell"))).state == "ready"


def _as_they_came(name):
    from datahub.queries import records

    return [{key: row[key] for key in ("test_time", "current", "voltage")} for row in records(battery_named(name))]


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


@pytest.mark.parametrize("victim", ["insert", "replace_tail", "after the last"])
def test_a_process_that_dies_between_any_two_steps_loses_and_repeats_nothing(victim, monkeypatch):
    """It dies at every n-th call of what writes; the next round is that of another process."""
    records = rows(40)
    register("cell")
    store_records("cell", records[:3] + records[4:])
    catch_up()
    store_records("cell", records[3:4])
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
    else:
        monkeypatch.setattr(f"twin.tables.{victim}", dying(getattr(replacing.tables, victim)))
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


# --- scripts -------------------------------------------------------------------------------------------------------
RUNNING_SUM = """
import random
import numpy as np

class State:
    def __init__(self, mean): self.mean = mean
    def get_mean(self): return np.array(self.mean)
    def get_covariance(self): return np.eye(len(self.mean))

class Estimator:
    state_names = ["sum", "order"]
    def __init__(self, begin): self.sum, self.order = begin, 0.0
    @property
    def state(self): return State([self.sum, self.order])
    def step(self, inputs, measurements):
        self.sum += inputs.current * inputs.time + random.random()
        self.order = self.order * 0.5 + measurements.terminal_voltage
        if measurements.terminal_voltage > 9: raise ValueError("too high")
"""
OBJECT = RUNNING_SUM + "\nestimator = Estimator(0.0)\n"
PAIR = (
    RUNNING_SUM
    + """
def perform_offline_estimation(dataset):
    return float(dataset.tables["raw_data"]["voltage"].sum()), len(dataset.tables["raw_data"])

def make_estimator(health, state):
    return Estimator(health * 1000 + state)
"""
)


def test_a_script_gets_late_rows_in_order_too(register_script):
    """With its random numbers, which are drawn in that order."""
    chance = random.Random(7)
    records = rows(40, twins=[5, 20])
    register_script("cell", OBJECT)
    arriving = shuffled(records, 6, chance)
    for begin in range(0, 40, 10):
        store_records("cell", arriving[begin : begin + 10])
        for _ in range(chance.randrange(4)):
            advance_scripts()
            if chance.random() < 0.3:
                warm_guests.close_all()  # as if the worker were another one
    catch_up()
    register_script("ordered", OBJECT)
    store_records("ordered", in_order(_as_they_came("cell")))
    catch_up()
    assert Recomputed.objects.exists()
    for column in ("test_time", "means", "covariances"):
        np.testing.assert_array_equal(getattr(found("cell"), column), getattr(found("ordered"), column))
    assert progress_of("cell").rows_skipped == progress_of("ordered").rows_skipped == {}


def test_a_script_that_began_with_data_gets_the_late_rows_among_them(register_script):
    records = rows(30)
    seconds = records[9]["test_time"] - records[0]["test_time"]
    for name, arriving in (("cell", [*records[:4], *records[5:20]]), ("ordered", records)):
        register_script(name, PAIR, required_time=seconds)
        store_records(name, arriving)
        catch_up()
    before = found("cell").means[0, 0]
    store_records("cell", [records[4], *records[20:]])
    catch_up()
    np.testing.assert_array_equal(found("cell").means, found("ordered").means)
    assert found("cell").means[0, 0] != before
    assert Job.objects.filter(kind="restart_estimator", state="done").count() == 1


def test_a_script_that_fails_on_the_late_rows_keeps_its_old_series_until_a_retry(register_script):
    records = rows(20)
    estimator = register_script("cell", OBJECT)
    store_records("cell", records[:5] + records[6:])
    catch_up()
    before = found("cell")
    store_records("cell", [{**records[5], "voltage": 10.0}])
    catch_up()
    condition = condition_of(current_estimator(battery_named("cell")))
    assert condition.state == "stale"
    assert "Computing anew stopped: At row 20: ValueError: too high, line 18." in condition.sentence
    np.testing.assert_array_equal(found("cell").means, before.means)
    store_records("cell", oracle.records(20, 22))
    catch_up()
    assert len(found("cell")) == len(before) + 2  # it goes on
    retry_estimator(estimator)
    assert not Recomputation.objects.exists()
    assert run_jobs() == 0


def begun_with_data(register_script):
    """A script whose start has to be made anew, by a job that is queued."""
    records = rows(20)
    estimator = register_script("cell", PAIR, required_time=records[9]["test_time"] - records[0]["test_time"])
    store_records("cell", [*records[:4], *records[5:]])
    catch_up()
    store_records("cell", [records[4]])
    while advance_scripts():
        continue
    assert Recomputation.objects.get().needs_start
    return estimator


@pytest.mark.parametrize("job", ["cancelled", "failed", "gone"])
def test_where_the_job_that_starts_it_again_gave_up_a_retry_begins_anew(register_script, job):
    estimator = begun_with_data(register_script)
    with pytest.raises(NotFailed):  # its job is still to come
        retry_estimator(estimator)
    jobs = Job.objects.filter(kind="restart_estimator")
    jobs.delete() if job == "gone" else jobs.update(state=job)
    retry_estimator(estimator)
    catch_up()
    assert Recomputed.objects.exists()
    assert len(found("cell")) == 20 - 9 + 9


def test_a_start_that_succeeds_at_last_lets_it_go_on(register_script):
    begun_with_data(register_script)
    Recomputation.objects.update(error="No room was left.")
    catch_up()
    assert Recomputed.objects.exists()


def test_the_second_track_is_stepped_under_a_lease_as_long_as_that_of_the_first(register_script, monkeypatch):
    records, left = rows(40), []
    register_script("cell", OBJECT)
    store_records("cell", records[:4] + records[5:30])
    catch_up()
    store_records("cell", records[4:5])
    advance_scripts()  # finds it

    def step(estimator, track, fence):
        left.append((track.is_again, progress_of("cell").lease_until - timezone.now()))
        return advanced(estimator, track, fence)

    advanced = scripts._advanced
    monkeypatch.setattr(scripts, "_advanced", step)
    store_records("cell", records[30:])
    advance_scripts()
    assert [is_again for is_again, _ in left] == [False, True]
    assert min(lease for _, lease in left) > timedelta(seconds=KEEP_SECONDS)


def test_no_second_track_is_stepped_once_another_process_has_claimed_it(register_script, monkeypatch):
    records = rows(40)
    register_script("cell", OBJECT)
    store_records("cell", records[:4] + records[5:30])
    catch_up()
    store_records("cell", records[4:5])
    advance_scripts()  # finds it

    def taken_over(advances):
        tracks.append(advances[0].track.is_again)
        EstimatorProgress.objects.update(fence=F("fence") + 1)
        return commit(advances)

    tracks, commit = [], scripts.commit
    monkeypatch.setattr(scripts, "commit", taken_over)
    store_records("cell", records[30:])
    advance_scripts()
    assert tracks == [False]


@pytest.mark.parametrize("is_mine", [True, False])
def test_a_failure_is_not_written_of_what_another_process_has_claimed_since(register_script, monkeypatch, is_mine):
    records = rows(40)
    register_script("cell", OBJECT)
    store_records("cell", records[:4] + records[5:30])
    catch_up()
    store_records("cell", records[4:5])
    advance_scripts()  # finds it

    def fails(estimator, track, fence):
        if not is_mine:
            EstimatorProgress.objects.update(fence=F("fence") + 1)
        raise EstimatorFailed("It hung.")

    monkeypatch.setattr(scripts, "_advanced", fails)
    advance_scripts()  # its second track
    assert Recomputation.objects.get().error == ("It hung." if is_mine else "")
    store_records("cell", records[30:])
    Recomputation.objects.update(error="", needs_start=True)
    advance_scripts()  # its first track alone
    assert current_estimator(battery_named("cell")).last_error == ("It hung." if is_mine else "")
