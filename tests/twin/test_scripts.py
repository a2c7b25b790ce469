"""Uploaded estimators in the sandbox: what they are given, what is kept of them, and what happens when they fail."""

import json

import numpy as np
import pytest
from django.core.files.base import ContentFile

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin import oracle
from tests.twin.conftest import catch_up
from twin.estimation import scripts
from twin.estimation.scripts import warm_guests
from twin.models import Estimator
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator, retry_estimator
from twin.states import condition_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def rows(*times, current=1.0, voltage=3.7, **more):
    return [{"test_time": float(time), "current": current, "voltage": voltage, **more} for time in times]


def current(battery_name):
    return current_estimator(battery_named(battery_name))


def found(battery_name):
    return estimates(current(battery_name))


def test_an_object_with_the_surface_is_stepped_once_with_each_row(register_script, script):
    register_script("cell", script("coulomb_counter"))
    store_records("cell", rows(0, 1800))
    catch_up()
    store_records("cell", rows(3600, current=-2.0))
    catch_up()
    # 1 A for half an hour into 2 Ah, twice: the current of a row flows until the next.
    assert found("cell").means[:, 0].tolist() == [0.5, 0.75, 1.0]
    assert found("cell").row_ids.tolist() == [1, 2, 3]
    assert np.isnan(found("cell").predicted_voltage).all()


def test_a_step_may_return_its_state_without_a_prediction(register_script):
    register_script("cell", COUNTS_WITHOUT_PREDICTION)
    store_records("cell", rows(0, 1))
    catch_up()
    assert found("cell").means[:, 0].tolist() == [1.0, 2.0]
    assert np.isnan(found("cell").predicted_voltage).all()


COUNTS_WITHOUT_PREDICTION = """
import numpy as np
class Estimator:
    state_names = ["x"]
    x = 0.0
    def get_mean(self): return np.array([self.x])
    def get_covariance(self): return np.eye(1)
    @property
    def state(self): return self
    def step(self, inputs, measurements):
        self.x += 1.0
        return self, None
estimator = Estimator()
"""


@pytest.mark.parametrize("chunk_rows", [7, 2000])
def test_the_same_filter_as_a_script_gives_the_numbers_of_the_built_in_one(
    register_script, script, settings, chunk_rows
):
    settings.ESTIMATION_CHUNK_ROWS = chunk_rows
    parameters = oracle.parameters("one_rc")
    register_estimator(battery_name="built in", kind="joint_ukf", parameters=parameters)
    file = ContentFile(json.dumps(parameters).encode(), name="parameters.json")
    register_script("script", script("joint_filter"), files=[file])
    for name in ("built in", "script"):
        store_records(name, oracle.records(last=300))
    catch_up()
    built_in, scripted = found("built in"), found("script")
    assert len(scripted) == 299  # the first row is the first control of both
    for name in (
        "row_ids",
        "test_time",
        "means",
        "covariances",
        "predicted_voltage",
        "innovation",
        "innovation_variance",
    ):
        np.testing.assert_array_equal(getattr(scripted, name), getattr(built_in, name), err_msg=name)


def test_an_object_with_start_gets_the_first_row_there_and_no_estimate_of_it(register_script, script):
    starts = script("coulomb_counter").replace(
        "    def step(",
        "    def start(self, inputs, measurements):\n        self.soc = measurements.voltage / 10\n\n    def step(",
    )
    register_script("cell", starts)
    store_records("cell", rows(0, 3600, 7200))
    catch_up()
    assert found("cell").row_ids.tolist() == [2, 3]
    assert found("cell").means[:, 0].tolist() == [0.37, 0.87]  # the first is not stepped: it had no current before it
    assert current("cell").progress.rows_skipped == {"first_control": 1}


def test_bad_rows_never_reach_a_script_and_late_ones_in_their_place(register_script, script):
    register_script("cell", script("coulomb_counter"))
    store_records("cell", [*rows(0, 1800), *rows(900, current=0.5), *rows(2700, voltage=None), *rows(3600)])
    catch_up()
    assert found("cell").test_time.tolist() == [0.0, 900.0, 1800.0, 3600.0]
    assert found("cell").means[:, 0].tolist() == [0.5, 0.625, 0.6875, 0.9375]  # 1 A, 0.5 A and 1 A into 2 Ah
    assert current("cell").progress.rows_skipped == {"not_finite": 1}
    assert current("cell").progress.late_from is None


def test_a_row_is_seen_with_all_its_columns_and_test_time_as_its_time(register_script, script):
    prints = script("coulomb_counter").replace(
        '"""The current of a row flows until the next; positive is charging."""',
        "print(inputs.time, inputs['time'], inputs.temperature, inputs.phase, measurements.terminal_voltage, "
        "*sorted(inputs))",
    )
    register_script("cell", prints)
    store_records("cell", [{"test_time": 1.0, "time": 1.7e9, "current": 1.0, "Voltage": 3.5, "phase": "rest"}])
    catch_up()
    printed = current("cell").script_output
    assert printed == "1.0 1700000000.0 25.0 rest 3.5 current phase test_time time voltage\n"


def test_a_row_that_fails_stops_the_estimator_at_its_line_and_keeps_what_came_before(register_script):
    register_script("cell", FAILS_AT_ROW_3)
    store_records("cell", rows(0, 1, 2, 3, 4))
    catch_up()
    estimator = Estimator.objects.get()
    assert estimator.state == "failed"
    assert estimator.last_error == "ValueError: no third row, line 14."
    assert (estimator.error_line, estimator.error_row) == (14, 3)
    assert 'raise ValueError("no third row")' in estimator.traceback
    assert found("cell").means[:, 0].tolist() == [1.0, 2.0]
    assert condition_of(estimator).sentence == "Stopped at row 3: ValueError: no third row, line 14."


FAILS_AT_ROW_3 = """
import numpy as np
class Estimator:
    state_names = ["x"]
    x = 0.0
    def get_mean(self): return np.array([self.x])
    def get_covariance(self): return np.eye(1)
    @property
    def state(self): return self
    def step(self, inputs, measurements):
        self.x += 1.0
        # the object is changed by now: the checkpoint must not be
        if inputs.time == 2.0:
            raise ValueError("no third row")
estimator = Estimator()
"""


def test_retry_goes_on_at_the_row_that_failed(register_script):
    fails_once = FAILS_AT_ROW_3.replace('raise ValueError("no third row")', "raise OSError('a file was not there')")
    estimator = register_script("cell", fails_once.replace("inputs.time == 2.0", "inputs['voltage'] == 2.0"))
    store_records("cell", [*rows(0, 1), *rows(2, voltage=2.0), *rows(3)])
    catch_up()
    assert Estimator.objects.get().state == "failed"
    retry_estimator(estimator)
    catch_up()
    assert Estimator.objects.get().error_row == 3
    assert found("cell").means[:, 0].tolist() == [1.0, 2.0]  # neither stepped again nor lost


def test_a_restarted_script_goes_on_to_the_bit(register_script, script, settings):
    settings.ESTIMATION_CHUNK_ROWS = 10
    for name in ("undisturbed", "restarted"):
        register_script(name, script("coulomb_counter"))
        store_records(name, oracle.records(last=40))
    while condition_of(current_estimator(battery_named("restarted"))).state != "ready":
        from twin.estimation.scripts import advance_scripts

        advance_scripts()
        warm_guests.close_all()
    np.testing.assert_array_equal(found("restarted").means, found("undisturbed").means)
    assert len(found("restarted")) == 40


def test_what_nobody_foresaw_stops_one_estimator_and_no_other(register_script, script, monkeypatch):
    def failing(advances):
        if advances[0].estimator.battery.name == "bad":
            raise ZeroDivisionError("division by zero")
        return commit(advances)

    commit = scripts.commit
    for name in ("bad", "good"):
        register_script(name, script("coulomb_counter"))
        store_records(name, rows(0, 3600))
    monkeypatch.setattr(scripts, "commit", failing)
    catch_up()
    assert len(found("good")) == 2
    assert current("bad").state == "failed"
    assert current("bad").last_error == "ROVI could not go on with it: ZeroDivisionError: division by zero."


def test_those_that_cannot_begin_take_no_turn_and_no_place(register_script, script, monkeypatch):
    monkeypatch.setattr(scripts, "MOST_A_ROUND", 1)
    register_script("needs an hour", script("coulomb_counter"), required_time=3600.0)
    register_script("no voltage", script("coulomb_counter"))
    register_script("good", script("coulomb_counter"))
    store_records("needs an hour", rows(0, 1800))
    store_records("no voltage", [{"test_time": 0.0, "current": 1.0}])
    store_records("good", rows(0, 1800))
    assert scripts.advance_scripts()
    assert len(found("good")) == 2
    assert current("needs an hour").progress.fence == current("no voltage").progress.fence == 0
    store_records("needs an hour", rows(3600))
    catch_up()
    assert len(found("needs an hour")) == 3


def test_one_that_waits_for_its_job_takes_no_turn(register_script):
    register_script("cell", BEGINS_WITH_DATA, required_time=3600.0)
    store_records("cell", rows(0, 3600))
    assert not scripts.advance_scripts()  # queues the job
    assert not scripts.advance_scripts()
    assert current("cell").progress.fence == 1
    catch_up()
    assert len(found("cell")) == 2


BEGINS_WITH_DATA = COUNTS_WITHOUT_PREDICTION.replace(
    "estimator = Estimator()",
    """
def perform_offline_estimation(dataset):
    return None, None

def make_estimator(health, state):
    return Estimator()
""",
)
