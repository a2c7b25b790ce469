"""Loading a script: what it may define, what it starts from, which version is current, what is kept when it fails."""

import pytest

from datahub.ingest import store_records
from datahub.queries import battery_named
from datahub.registration import register_battery
from jobs.models import Job
from tests.twin.conftest import catch_up, run_jobs
from twin.estimation.loading import load_estimator
from twin.models import Estimator
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator, retry_estimator
from twin.states import condition_of
from twin.versions import promote

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

OBJECT = """
import numpy as np
class Estimator:
    state_names = ["x"]
    def __init__(self, x): self.x = x
    def get_mean(self): return np.array([self.x])
    def get_covariance(self): return np.eye(1)
    state = property(lambda self: self)
    def step(self, inputs, measurements): self.x += 1.0
"""
PAIR = (
    OBJECT
    + """
def perform_offline_estimation(dataset):
    if dataset is None:
        return 100.0, 0.0
    rows = dataset.raw_data if hasattr(dataset, "raw_data") else dataset.tables["raw_data"]
    print(dataset.metadata.name, list(rows["test_time"]), list(rows["phase"]))
    return float(len(rows)), float(rows["voltage"].sum())

def make_estimator(asoh, state):
    return Estimator(asoh * 1000 + state)
"""
)


def rows(*times, **more):
    return [{"test_time": float(time), "current": 1.0, "voltage": 3.0, **more} for time in times]


def means(battery_name):
    return estimates(current_estimator(battery_named(battery_name))).means[:, 0].tolist()


def test_the_pair_starts_from_nothing_when_no_time_is_required(register_script):
    estimator = register_script("cell", PAIR)
    assert estimator.entry == "perform_offline_estimation and make_estimator"
    assert estimator.library_versions["battery-data-toolkit"]
    store_records("cell", rows(0, 1))
    catch_up()
    assert means("cell") == [100_001.0, 100_002.0]


def test_the_pair_waits_for_its_data_and_gets_no_more_of_it_than_it_asked_for(register_script):
    register_battery({"name": "cell"})
    estimator = register_script("cell", PAIR, required_time=3600.0)
    assert condition_of(estimator).sentence == "Waits for the first row."
    store_records("cell", rows(1800, 0, phase="rest"))  # in order of arrival; the second is late
    catch_up()
    assert condition_of(current("cell")).sentence == "Has 0.5 h of the 1.0 h it needs."
    store_records("cell", rows(3600, 5400, phase="charge"))
    catch_up()
    # Three rows complete the hour: 3 * 1000 + 3 * 3 V. Then every row is stepped from the first on, in order of time.
    assert means("cell") == [3010.0, 3011.0, 3012.0, 3013.0]
    found = current("cell")
    assert found.script_output == "cell [0.0, 1800.0, 3600.0] ['rest', 'rest', 'charge']\n"
    assert found.progress.rows_skipped == {}


def test_an_object_waits_for_its_data_too(register_script):
    register_script("cell", OBJECT + "estimator = Estimator(0.0)", required_time=10.0)
    store_records("cell", rows(0, 5))
    catch_up()
    assert current("cell").state == "waiting"
    store_records("cell", rows(10))
    catch_up()
    assert means("cell") == [1.0, 2.0, 3.0]


WITH_OBJECT = OBJECT + "estimator = Estimator(0.0)\n"
NO_ESTIMATORS = {
    "x = 1": "The script defines neither an object `estimator` nor the functions perform_offline_estimation and "
    "make_estimator.",
    "def make_estimator(a, b): ...": "The script defines make_estimator but no function perform_offline_estimation; "
    "both are needed, or an object `estimator`.",
    "class E: ...\nestimator = E()": "The estimator, of class E, has no `step`.",
    PAIR.replace("return 100.0, 0.0", "return 100.0"): "perform_offline_estimation() must return a pair: health and "
    "state at the first row.",
    WITH_OBJECT.replace("np.eye(1)", "np.eye(2)"): "The covariance has the shape (2, 2); 1 states need (1, 1).",
    WITH_OBJECT.replace('["x"]', '["x", "y"]'): "The mean has 1 values, but state_names has 2.",
    WITH_OBJECT.replace('["x"]', '["test time"]'): "The state 'test time' cannot name a column: 1 to 63 ASCII letters, "
    "digits, underscores and dots can.",
    WITH_OBJECT.replace('["x"]', '["row_id"]'): "The state 'row_id' would have the column 'row_id', which is taken.",
    WITH_OBJECT.replace("0.0", "float('nan')"): "The mean of 'x' is not a finite number.",
    WITH_OBJECT + "estimator.thread = __import__('threading').Lock()": "The estimator's state cannot be written down: "
    "cannot pickle '_thread.lock' object. Keep open files, threads and generators out of it.",
    "import a_package_nobody_has": "ModuleNotFoundError: No module named 'a_package_nobody_has', line 1.",
    "raise SystemExit(3)": "SystemExit: 3, line 1.",
}


@pytest.mark.parametrize("definition", NO_ESTIMATORS, ids=lambda definition: NO_ESTIMATORS[definition][:40])
def test_what_is_no_estimator_is_kept_as_failed_with_a_sentence(register_script, definition):
    estimator = register_script("cell", definition)
    assert (estimator.state, estimator.last_error) == ("failed", NO_ESTIMATORS[definition])
    assert not estimator.is_current
    assert Job.objects.get().state == "failed"


def test_a_version_that_fails_to_load_does_not_disturb_the_one_that_runs(register_script):
    first = register_script("cell", OBJECT + "estimator = Estimator(0.0)")
    second = register_script("cell", OBJECT + "estimator = Estimator(1 / 0)")
    store_records("cell", rows(0, 1))
    catch_up()
    assert (second.version, second.state, second.error_line) == (2, "failed", 10)
    assert current("cell") == first
    assert means("cell") == [1.0, 2.0]


def test_a_newer_version_becomes_current_when_it_has_loaded_and_begins_at_the_first_row(register_script):
    first = register_script("cell", OBJECT + "estimator = Estimator(0.0)")
    store_records("cell", rows(0, 1))
    catch_up()
    second = register_estimator(battery_name="cell", definition=OBJECT + "estimator = Estimator(50.0)")
    assert current("cell") == first  # until a worker has loaded it
    run_jobs()
    catch_up()
    assert current("cell") == second
    assert means("cell") == [51.0, 52.0]
    store_records("cell", rows(2))
    promote(first)
    catch_up()
    assert means("cell") == [1.0, 2.0, 3.0]


def test_an_older_version_that_loads_later_does_not_take_the_place_of_a_newer(sandbox):
    older = register_estimator(battery_name="cell", definition=OBJECT + "estimator = Estimator(0.0)")
    newer = register_estimator(battery_name="cell", definition=OBJECT + "estimator = Estimator(1.0)")
    load_estimator(newer)
    load_estimator(older)
    assert current("cell") == newer


def test_a_load_that_is_done_twice_does_no_harm(register_script):
    estimator = register_script("cell", OBJECT + "estimator = Estimator(0.0)")
    store_records("cell", rows(0, 1))
    catch_up()
    load_estimator(estimator)
    store_records("cell", rows(2))
    catch_up()
    assert means("cell") == [1.0, 2.0, 3.0]


def test_support_files_lie_beside_the_script_under_their_names(register_script):
    from django.core.files.base import ContentFile

    files = [ContentFile(b"7.5", name="start value.txt"), ContentFile(b"from math import pi as PI", name="beside.py")]
    register_script(
        "cell",
        OBJECT + "from beside import PI\nestimator = Estimator(float(open('start value.txt').read()))",
        files=files,
    )
    store_records("cell", rows(0))
    catch_up()
    assert means("cell") == [8.5]


def test_a_missing_wall_refuses_scripts_with_a_sentence_rather_than_run_them_in_the_open(settings):
    settings.SANDBOX_REQUIRED_WALLS = ("landlock", "a wall that stands nowhere")
    estimator = register_estimator(battery_name="cell", definition=OBJECT + "estimator = Estimator(0.0)")
    run_jobs()
    estimator.refresh_from_db()
    assert estimator.state == "failed"
    assert estimator.last_error.startswith(
        "Scripts are refused here, because these required walls of the sandbox are missing: a wall that stands nowhere"
    )


def test_retry_loads_again_what_never_loaded(sandbox, settings):
    walls = settings.SANDBOX_REQUIRED_WALLS
    settings.SANDBOX_REQUIRED_WALLS = ("a wall that stands nowhere",)
    estimator = register_estimator(battery_name="cell", definition=OBJECT + "estimator = Estimator(0.0)")
    run_jobs()
    settings.SANDBOX_REQUIRED_WALLS = walls
    retry_estimator(estimator)
    run_jobs()
    assert Estimator.objects.get().last_error == ""
    assert current("cell") == estimator


def test_random_numbers_are_part_of_the_checkpoint(register_script, settings):
    draws = OBJECT.replace("self.x += 1.0", "self.x = np.random.rand() + random.random()") + "import random\n"
    for name in ("whole", "restarted"):
        register_script(name, draws + "estimator = Estimator(0.0)")
        store_records(name, rows(*range(8)))
    catch_up_restarting_each_chunk(settings)
    assert means("restarted") == means("whole")
    assert len(set(means("whole"))) == 8


def catch_up_restarting_each_chunk(settings):
    from twin.estimation.scripts import _advance_one, warm_guests

    while _advance_one(current("whole").pk):
        continue
    settings.ESTIMATION_CHUNK_ROWS = 3
    while _advance_one(current("restarted").pk):
        warm_guests.close_all()


def current(name):
    return current_estimator(battery_named(name))
