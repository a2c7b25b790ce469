"""A forecast is made in the sandbox from history and load, and kept with all that went into it; so is a failure."""

import json

import numpy as np
import pytest
from django.conf import settings

from jobs.models import Job, State
from jobs.queue import cancel, retry
from prognosis.errors import BatteryNotServed, ForecasterFailed, NoForecaster
from prognosis.forecasting.load import load_from
from prognosis.forecasting.making import run_forecast
from prognosis.forecasting.runs import request_run, run_again
from prognosis.models import Forecaster, ForecastRun, RunState
from prognosis.queries import as_csv, as_lists, history_used_by, load_used_by, result_of, runs_of
from tests.prognosis.conftest import HOLDS, where_history_is_read

pytestmark = [where_history_is_read, pytest.mark.postgres]

HOUR = {"ahead_time": 3600, "resolution": 900}


@pytest.fixture
def forecast(estimated, register, work):
    """`forecast(script)`: registers it for a battery with estimates, and makes one forecast with it."""

    def make(script=HOLDS, load=HOUR, csv="", **registration):
        battery = estimated()
        register(script, **registration)
        run = request_run(battery, load_from(load, csv))
        work()
        return ForecastRun.objects.select_related("job").get(pk=run.pk)

    return make


# --- one that goes well --------------------------------------------------------------------------------------------
def test_a_forecast_is_kept_with_its_result_and_all_that_it_was_made_from(forecast, user_with_role):
    run = forecast(load={**HOUR, "current": -1.5})
    assert (run.state, run.error, run.error_code) == (RunState.DONE, "", "")
    assert as_lists(result_of(run)) == {
        "test_time": [0, 900, 1800, 2700],
        "current": [-1.5, -1.5, -1.5, -1.5],
        "battery_time": [120, 1020, 1920, 2820],
        "q_t__base_values": [0.98, 0.98, 0.98, 0.98],
    }
    assert as_lists(history_used_by(run)) == {"test_time": [0, 60, 120], "q_t__base_values": [1.0, 0.99, 0.98]}
    assert list(load_used_by(run)) == ["test_time", "current", "battery_time"]
    forecaster = Forecaster.objects.get()
    assert (run.forecaster, run.forecaster_name, run.forecaster_version) == (forecaster, "cell", 1)
    assert (run.script_sha256, run.history_rows, run.newest_estimate) == (forecaster.script_sha256, 3, 120.0)
    assert run.sql.startswith('SELECT "test_time", "q_t__base_values" FROM "estimates_')
    assert (run.result_rows, run.result_columns) == (4, ["test_time", "current", "battery_time", "q_t__base_values"])
    assert run.seconds > 0
    assert run.finished >= run.created
    assert (run.job.kind, run.job.state, run.job.result) == (
        "run_forecast",
        State.DONE,
        {"forecast": run.pk, "rows": 4},
    )


def test_history_reaches_the_function_oldest_first_as_a_dataframe_with_a_plain_index(forecast):
    run = forecast(
        "def forecast(past_estimates, load):\n"
        "    assert list(past_estimates.index) == [0, 1, 2]\n"
        "    assert list(past_estimates.columns) == ['test_time', 'q_t__base_values']\n"
        "    assert past_estimates['test_time'].tolist() == [0.0, 60.0, 120.0]\n"
        "    assert list(load.columns) == ['test_time', 'battery_time']\n"
        "    return load\n"
    )
    assert (run.state, run.error) == (RunState.DONE, "")


def test_the_csv_of_a_load_is_kept_and_used(forecast):
    csv = "test_time,power\n0,10\n1800,-10\n"
    run = forecast(load={"resolution": 900}, csv=csv)
    assert as_lists(result_of(run))["power"] == [10, 10, -10, -10]
    assert run.profile.read().decode() == csv
    assert run.load == {"ahead_time": 3600.0, "resolution": 900.0}


def test_support_files_lie_beside_the_script_while_it_runs_not_only_while_it_loads(forecast):
    run = forecast(
        "import json\n"
        "def forecast(past, load):\n"
        "    fade = json.load(open('fade.json'))['fade']\n"
        "    return load[['test_time']].assign(q=fade)\n",
        files={"fade.json": json.dumps({"fade": 0.25}).encode()},
    )
    assert as_lists(result_of(run))["q"] == [0.25] * 4


def test_one_run_cannot_change_the_files_of_the_next(forecast, work):
    run = forecast(
        "def forecast(past, load):\n"
        "    n = int(open('n.txt').read())\n"
        "    open('n.txt', 'w').write(str(n + 1))\n"
        "    open('new.txt', 'x').close()\n"
        "    return load[['test_time']].assign(n=n)\n",
        files={"n.txt": b"1"},
    )
    again = run_again(run)
    work()
    again.refresh_from_db()
    assert [as_lists(result_of(each))["n"] for each in (run, again)] == [[1] * 4, [1] * 4]


def test_the_scripts_only_function_is_called_whatever_its_name(forecast):
    assert forecast("def predict(past, load):\n    return load\n").state == RunState.DONE


def test_nan_and_infinities_are_null_in_json_and_empty_in_csv(forecast):
    run = forecast(
        "import numpy as np\n"
        "def forecast(past, load):\n"
        "    return load[['test_time']].assign(q=[1, np.nan, np.inf, 2])\n"
    )
    assert as_lists(result_of(run))["q"] == [1, None, None, 2]
    assert as_csv(result_of(run)).splitlines()[1:3] == ["0.0,120.0,1.0", "900.0,1020.0,"]


def test_what_a_script_prints_is_kept(forecast):
    run = forecast("def forecast(past, load):\n    print('fitted', len(past))\n    return load\n")
    assert run.script_output == "fitted 3\n"


def test_a_million_points_pass(forecast):
    run = forecast(load={"ahead_time": 1_000_000})
    assert (run.state, run.error, run.result_rows) == (RunState.DONE, "", 1_000_000)
    assert np.array_equal(result_of(run)["test_time"], np.arange(1_000_000))


# --- which version -------------------------------------------------------------------------------------------------
def test_a_run_asked_for_right_after_a_registration_is_made_with_it(estimated, register, work):
    battery = estimated()
    register()
    work()
    newer = register("def forecast(past, load):\n    return load.assign(q=2)\n")
    Job.objects.filter(state=State.QUEUED).update(state=State.CANCELLED)  # its loading does not come first
    run = request_run(battery, load_from(HOUR))
    work()
    run.refresh_from_db()
    assert (run.state, run.forecaster) == (RunState.DONE, newer)


def test_a_newer_version_that_fails_to_load_leaves_the_runs_to_the_one_before(estimated, register, work):
    battery = estimated()
    older = register()
    work()
    register("1 / 0")
    Job.objects.filter(state=State.QUEUED).update(state=State.CANCELLED)
    run = request_run(battery, load_from(HOUR))
    work()
    run.refresh_from_db()
    assert (run.state, run.forecaster) == (RunState.DONE, older)


def test_one_version_can_be_asked_for(estimated, register, work):
    battery = estimated()
    older = register()
    work()
    register()
    work()
    run = request_run(battery, load_from(HOUR), forecaster=older)
    work()
    run.refresh_from_db()
    assert (run.state, run.forecaster) == (RunState.DONE, older)
    assert run_again(run).forecaster == older


def test_a_battery_without_forecaster_or_with_a_broken_one_cannot_be_asked(estimated, register, work):
    battery = estimated()
    with pytest.raises(NoForecaster, match="No forecaster is registered for the battery 'cell'"):
        request_run(battery, load_from(HOUR))
    other = register(name="other")
    with pytest.raises(BatteryNotServed, match="'other v1' is not registered for the battery 'cell' \\('other'\\)"):
        request_run(battery, load_from(HOUR), forecaster=other)
    register("1 / 0")
    work()
    with pytest.raises(ForecasterFailed, match="cell v1 could not be loaded: line 1: ZeroDivisionError"):
        request_run(battery, load_from(HOUR))
    assert not ForecastRun.objects.exists()


# --- one that does not ---------------------------------------------------------------------------------------------
def test_a_script_that_raises_is_kept_with_its_line_and_traceback(forecast):
    run = forecast("def forecast(past, load):\n    print('so far')\n    return load['no such column']\n")
    assert (run.state, run.error_code, run.error_line) == (RunState.FAILED, "script_failed", 3)
    assert run.error == "line 3: KeyError: 'no such column'"
    assert "    return load['no such column']" in run.traceback
    assert run.script_output == "so far\n"
    assert (run.job.state, run.job.error) == (State.FAILED, run.error)
    assert (run.history_rows, run.result_rows) == (3, None)


def test_a_script_that_loops_is_stopped(forecast, settings):
    settings.SANDBOX_FORECAST_SECONDS = 0.5
    run = forecast("def forecast(past, load):\n    while True: pass\n")
    assert (run.state, run.error_code) == (RunState.FAILED, "script_timed_out")
    assert run.error == "The script did not answer within 0.5 s and was stopped."


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (
            "{'q': [1, 2]}",
            "script_failed",
            "forecast() returned type dict; it must return a pandas DataFrame.",
        ),
        (
            "load['test_time']",
            "script_failed",
            "forecast() returned type Series; it must return a pandas DataFrame.",
        ),
        (
            "load.assign(q='high')",
            "script_failed",
            "forecast() returned object in the column 'q'; it must hold numbers.",
        ),
        (
            "load.iloc[np.zeros(1_000_001, dtype=int)]",
            "script_failed",
            "forecast() returned 1,000,001 rows; it must return 1 to 1,000,000.",
        ),
        (
            "load[['test_time']].head(2)",
            "forecast_failed",
            "The columns of load and forecast differ in length: test_time 2, current 4, battery_time 2. "
            "Return one row for each row of the load, or replace every column of the load.",
        ),
        ("__import__('os')._exit(3)", "script_killed", "The script was stopped: it ended itself with exit status 3."),
        ("exit(3)", "script_failed", "line 3: SystemExit: 3"),
        ("bytearray(2**33)", "script_failed", "line 3: MemoryError"),
    ],
)
def test_a_script_that_returns_something_else_is_told_what(forecast, answer, code, error):
    run = forecast(f"import numpy as np\ndef forecast(past, load):\n    return {answer}\n", load={**HOUR, "current": 1})
    assert (run.state, run.error_code) == (RunState.FAILED, code)
    assert run.error == error
    assert run.job.state == State.FAILED


def test_a_script_that_changes_the_guest_is_not_believed(forecast):
    run = forecast(
        "import sys\nimport numpy as np\n"
        "guest = sys.modules['prognosis.forecasting.guest']\n"
        "guest.columns_of = lambda answer: {'q\\0': np.zeros((2, 2))}\n"
        "def forecast(past, load):\n    pass\n"
    )
    assert (run.state, run.error_code, run.traceback) == (RunState.FAILED, "forecast_failed", "")
    assert run.error == "A column is named 'q\\x00'; take 1 to 200 printable letters."


def test_what_postgresql_cannot_store_is_replaced(forecast):
    run = forecast("def forecast(past, load):\n    print('a\\0b')\n    raise ValueError('x\\0y')\n")
    assert (run.error, run.script_output) == ("line 3: ValueError: x\ufffdy", "a\ufffdb\n")


def test_a_battery_without_estimates_fails_with_what_to_do(estimated, register, work):
    battery = estimated([])
    register()
    run = request_run(battery, load_from(HOUR))
    work()
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "no_estimates")
    assert run.error == (
        "There is no history to forecast from: the estimator of 'cell' has made no estimate yet. "
        "Register an estimator for 'cell', send rows, and forecast once it is ready."
    )


def test_a_template_that_these_estimates_cannot_answer_fails_with_their_columns(forecast):
    run = forecast(sql_query="SELECT test_time, capacity FROM $TABLE_NAME$")
    assert (run.state, run.error_code) == (RunState.FAILED, "sql_refused")
    assert run.error.startswith("The estimates have no column 'capacity'; they have test_time, soc, q_t__base_values")


def test_where_the_sandbox_lacks_a_wall_no_script_is_run(estimated, register, work, without_walls):
    battery = estimated()
    register()
    work()
    run = request_run(battery, load_from(HOUR))
    with without_walls():
        work()
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "sandbox_unavailable")


def test_a_fault_of_ours_ends_the_run_too(forecast, monkeypatch):
    monkeypatch.setattr("prognosis.forecasting.making.history_of", lambda *_: 1 / 0)
    run = forecast()
    assert (run.state, run.error_code, run.error) == (
        RunState.FAILED,
        "unexpected",
        "ZeroDivisionError: division by zero",
    )
    assert "in <lambda>" in run.traceback


# --- again ---------------------------------------------------------------------------------------------------------
def test_a_failed_run_is_made_anew_when_its_job_is_retried(forecast, work, settings):
    seconds = settings.SANDBOX_FORECAST_SECONDS
    settings.SANDBOX_FORECAST_SECONDS = 0.3
    run = forecast("import time\ndef forecast(past, load):\n    time.sleep(0.6)\n    return load\n")
    assert run.state_now == RunState.FAILED
    settings.SANDBOX_FORECAST_SECONDS = seconds
    fresh = retry(run.job, None)
    work()
    run.refresh_from_db()
    assert (run.state, run.error, run.error_code, run.job) == (RunState.DONE, "", "", fresh)


def test_a_run_that_is_done_is_not_made_twice(forecast):
    run = forecast()
    before = result_of(run)
    Forecaster.objects.get().script.storage.delete(Forecaster.objects.get().script.name)
    assert run_forecast(run).state == RunState.DONE
    assert result_of(run).keys() == before.keys()


def test_running_again_keeps_the_load_and_takes_the_newest_estimates(forecast, work, user_with_role):
    operator = user_with_role("operator")
    run = forecast(load={"resolution": 900}, csv="test_time,power\n0,10\n1800,-10\n")
    again = run_again(run, operator)
    work()
    again.refresh_from_db()
    assert again.pk != run.pk
    assert (again.requested_by, again.load, again.state) == (operator, run.load, RunState.DONE)
    assert as_lists(result_of(again)) == as_lists(result_of(run))
    assert list(runs_of(run.battery)) == [again, run]


def test_a_run_whose_job_was_cancelled_or_lost_counts_as_failed(estimated, register, work):
    battery = estimated()
    register()
    work()
    run = request_run(battery, load_from(HOUR))
    assert (run.state_now, run.has_ended) == (RunState.QUEUED, False)
    cancel(run.job, "admin")
    run = ForecastRun.objects.get()
    assert (run.state_now, run.error_now, run.has_ended) == (RunState.FAILED, "Cancelled by admin.", True)
    run.job.delete()
    run = ForecastRun.objects.get()
    assert (run.state_now, run.error_now) == (RunState.FAILED, "Its job was removed before it ran.")


def test_a_forecast_outlives_its_forecaster_and_goes_with_its_battery(forecast, django_capture_on_commit_callbacks):
    run = forecast(load={"resolution": 900}, csv="test_time,power\n0,10\n1800,-10\n")
    with django_capture_on_commit_callbacks(execute=True):
        Forecaster.objects.all().delete()
    run.refresh_from_db()
    assert (run.forecaster, run.forecaster_name, run.forecaster_version) == (None, "cell", 1)
    assert as_lists(result_of(run))["test_time"] == [0, 900, 1800, 2700]
    with django_capture_on_commit_callbacks(execute=True):
        run.battery.delete()
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []


def test_nothing_of_a_run_is_left_in_the_sandboxs_folder(forecast):
    forecast(files={"a.bin": b"1"})
    assert list((settings.ROVI_DATA / "sandbox").iterdir()) == []
