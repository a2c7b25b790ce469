"""Late rows of scripts: in order of time too, from a start that may have to be made anew."""

import random

import numpy as np
import pytest
from django.db.models import F

from datahub.ingest import store_records
from datahub.queries import battery_named
from jobs.models import Job
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs
from tests.twin.late import as_they_came, found, in_order, progress_of, rows, shuffled
from twin.errors import EstimatorFailed, NotFailed
from twin.estimation import scripts
from twin.estimation.scripts import advance_scripts, warm_guests
from twin.models import EstimatorProgress, Recomputation, Recomputed
from twin.queries import current_estimator
from twin.registration import retry_estimator
from twin.states import condition_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("many_chunks")]

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
    store_records("ordered", in_order(as_they_came("cell")))
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
