"""What programs are answered: ROVI's paths as its client expects them, REST in our own shape, each for its role."""

import io
import json

import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from datahub.models import Battery
from jobs.models import Job, Worker
from jobs.models import State as JobState
from prognosis import views
from prognosis.models import Forecaster, ForecasterState, ForecastRun, RunState
from tests.prognosis.conftest import HOLDS, QUERY, where_history_is_read

pytestmark = [where_history_is_read, pytest.mark.postgres]

REGISTRATION = {"name": "cell", "definition": HOLDS, "sql_query": QUERY}
STATE = f"sql_query={QUERY!r} name='cell' version={{}} state=waiting"
FAILS = "def forecast(past, load):\n    return past['volts']\n"


@pytest.fixture
def engineer(client_as):
    return client_as("engineer")


@pytest.fixture
def served(estimated, register, work):
    """A battery with estimates and a forecaster that has been loaded."""
    battery = estimated()
    register()
    work()
    return battery


@pytest.fixture
def worker_at_work(work, monkeypatch):
    """While a view waits for a job, a worker does it."""
    Worker.objects.create(name="alive", heartbeat=timezone.now())
    monkeypatch.setattr(views, "wait_for", lambda job, seconds: work())


# --- POST /prognosis/register --------------------------------------------------------------------------------------
def test_a_form_with_files_registers_and_answers_one_line(engineer):
    files = [SimpleUploadedFile("weights 1.pkl", b"one"), SimpleUploadedFile("b.pkl", b"two")]
    answer = engineer.post("/prognosis/register", {**REGISTRATION, "files": files}, format="multipart")
    assert (answer.status_code, answer.json()) == (200, STATE.format(1))
    forecaster = Forecaster.objects.get()
    assert [(file.name, file.size) for file in forecaster.files.all()] == [("b.pkl", 3), ("weights 1.pkl", 3)]
    assert forecaster.script.read().decode() == HOLDS


def test_a_form_without_files_comes_url_encoded(engineer):
    body = "name=cell&definition=def+forecast%28p%2C+l%29%3A+return+l&sql_query=SELECT+soc+FROM+%24TABLE_NAME%24"
    answer = engineer.post("/prognosis/register", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert Forecaster.objects.get().script.read() == b"def forecast(p, l): return l"


def test_json_registers_too_and_a_second_time_makes_version_2(engineer):
    assert engineer.post("/prognosis/register", REGISTRATION, format="json").json() == STATE.format(1)
    assert engineer.post("/prognosis/register", REGISTRATION, format="json").json() == STATE.format(2)


def test_a_battery_need_not_exist_yet_and_may_have_any_name(engineer):
    answer = engineer.post("/prognosis/register", {**REGISTRATION, "name": "module 7/α"}, format="multipart")
    assert answer.status_code == 200
    assert Forecaster.objects.get().battery_names == ["module 7/α"]
    assert not Battery.objects.exists()


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"definition": "def forecast(:"}, {"definition": ["Line 1: invalid syntax."]}),
        (
            {"sql_query": "SELECT soc FROM $TABLE_NAME$; DROP TABLE x"},
            {"sql_query": ["`;` at column 29: one SELECT only."]},
        ),
        ({"name": ""}, {"name": ["A battery's name cannot be empty."]}),
        ({"definition": 5}, {"definition": ["It is missing, or is no text."]}),
        ({"name": ["x"]}, {"name": ["It is missing, or is no text."]}),
    ],
)
def test_what_cannot_be_registered_is_answered_422_with_its_field(engineer, change, detail):
    answer = engineer.post("/prognosis/register", {**REGISTRATION, **change}, format="json")
    assert (answer.status_code, answer.json()) == (422, {"detail": detail})
    assert not Forecaster.objects.exists()


def test_a_missing_field_is_answered_422(engineer):
    answer = engineer.post("/prognosis/register", {"name": "cell"}, format="json")
    assert (answer.status_code, answer.json()) == (422, {"detail": {"definition": ["It is missing, or is no text."]}})


# --- GET /prognosis/<name>/run -------------------------------------------------------------------------------------
RESULT = {
    "test_time": [0, 1, 2],
    "battery_time": [120, 121, 122],
    "q_t__base_values": [0.98, 0.98, 0.98],
}


def test_a_run_answers_the_columns_of_load_and_forecast(served, client_as, worker_at_work):
    answer = client_as("operator").get("/prognosis/cell/run?ahead_time=3")
    assert (answer.status_code, answer.json()) == (200, RESULT)
    run = ForecastRun.objects.get()
    assert (run.state, run.requested_by.username) == (RunState.DONE, "the-operator")


def test_the_name_may_stand_in_the_query(served, client_as, worker_at_work):
    answer = client_as("operator").get("/prognosis/run", {"name": "cell", "ahead_time": 3})
    assert (answer.status_code, answer.json()) == (200, RESULT)


@pytest.mark.parametrize("name", ["module 7/α", "a/run", "run", "100% x?y&z"])
def test_any_name_can_be_asked_for(name, estimated, register, client_as, worker_at_work):
    from urllib.parse import quote

    estimated(name=name)
    register(name=name)
    client = client_as("operator")
    assert client.get(f"/prognosis/{quote(name)}/run?ahead_time=3").json() == RESULT
    assert client.get("/prognosis/run", {"name": name, "ahead_time": 3}).json() == RESULT


def test_a_load_comes_in_the_query_as_json_as_a_form_as_csv_or_as_an_upload(served, client_as, worker_at_work):
    client = client_as("operator")
    expected = {**RESULT, "test_time": [0, 1], "battery_time": [120, 121], "current": [-2, 1]}
    expected["q_t__base_values"] = [0.98, 0.98]
    csv = "test_time,current\n0,-2\n1,1\n"
    answers = [
        client.get("/prognosis/cell/run?ahead_time=2&current=-2").json(),
        client.post("/prognosis/cell/run", {"ahead_time": 2, "current": -2}, format="json").json(),
        client.post("/prognosis/cell/run", {"ahead_time": 2, "current": -2}, format="multipart").json(),
    ]
    assert answers == [{**expected, "current": [-2, -2]}] * 3
    profile = {"test_time": [0, 1], "current": [-2, 1]}
    answers = [
        client.post("/prognosis/cell/run", csv, content_type="text/csv").json(),
        client.post("/prognosis/run?name=cell&ahead_time=2", csv, content_type="text/csv").json(),
        client.post("/prognosis/cell/run", {"csv": csv}, format="json").json(),
        client.post("/prognosis/cell/run", {"profile": profile}, format="json").json(),
        client.post("/prognosis/cell/run", {"csv": SimpleUploadedFile("load.csv", csv.encode())}).json(),
    ]
    assert answers == [expected] * 5


def test_nan_is_null(estimated, register, client_as, worker_at_work):
    estimated()
    register("def forecast(past, load):\n    return load.assign(q=float('nan'))\n")
    answer = client_as("operator").get("/prognosis/cell/run?ahead_time=1")
    assert answer.content.decode() == '{"test_time": [0.0], "battery_time": [120.0], "q": [null]}'


def test_a_load_that_says_nothing_is_answered_422_with_its_field(served, client_as):
    client = client_as("operator")
    answer = client.get("/prognosis/cell/run?ahead_time=-1")
    assert (answer.status_code, answer.json()) == (422, {"detail": {"ahead_time": ["-1 is not above 0 s."]}})
    answer = client.post("/prognosis/cell/run", {"profile": {"current": 5}}, format="json")
    assert answer.json()["detail"] == {
        "profile": ['Give columns, such as {"test_time": [0, 60], "current": [1.5, 0]}.']
    }
    assert not ForecastRun.objects.exists()


def test_an_unknown_battery_or_one_without_forecaster_is_answered_404(estimated, client_as):
    estimated()
    client = client_as("operator")
    answer = client.get("/prognosis/cel/run?ahead_time=3")
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no battery 'cel'."})
    answer = client.get("/prognosis/cell/run?ahead_time=3")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "No forecaster is registered for the battery 'cell'."}


def test_a_script_that_fails_is_answered_422_with_its_error(estimated, register, client_as, worker_at_work):
    estimated()
    register(FAILS)
    answer = client_as("operator").get("/prognosis/cell/run?ahead_time=3")
    assert (answer.status_code, answer.json()) == (422, {"detail": "line 2: KeyError: 'volts'"})
    assert ForecastRun.objects.get().state == RunState.FAILED


def test_without_a_worker_the_answer_is_503_and_names_the_run_that_waits(served, client_as):
    Worker.objects.update(heartbeat=timezone.now() - timezone.timedelta(hours=1))
    answer = client_as("operator").get("/prognosis/cell/run?ahead_time=3")
    run = ForecastRun.objects.get()
    assert (answer.status_code, answer.json()) == (
        503,
        {
            "detail": f"No worker is running, so forecast {run.pk} waits in the queue. "
            "Start one with manage.py run_worker."
        },
    )
    assert (run.state, run.job.state) == (RunState.QUEUED, JobState.QUEUED)


def test_a_run_that_takes_too_long_is_answered_503_and_goes_on(served, client_as, settings, monkeypatch):
    settings.SANDBOX_FORECAST_SECONDS = 0.0
    monkeypatch.setattr(views, "WAIT_BEYOND_SCRIPT_SECONDS", 0.1)
    answer = client_as("operator").get("/prognosis/cell/run?ahead_time=3")
    run = ForecastRun.objects.get()
    assert answer.status_code == 503
    assert answer.json() == {"detail": f"Forecast {run.pk} is not done after 0.1 s; it goes on."}
    assert run.job.state == JobState.QUEUED


# --- REST ----------------------------------------------------------------------------------------------------------
def test_forecasters_over_rest_tell_their_state_and_one_its_script(engineer, work):
    answer = engineer.post("/api/v1/forecasters/", {**REGISTRATION, "batteries": ["a", "b"]}, format="json")
    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["batteries"]) == ("waiting", ["a", "b"])
    work()
    pk = Forecaster.objects.get().pk
    (listed,) = engineer.get("/api/v1/forecasters/?served__battery_name=b").json()["results"]
    assert (listed["state"], listed["is_current"], listed["entry"]) == ("ready", True, "forecast")
    assert "definition" not in listed
    assert engineer.get(f"/api/v1/forecasters/{pk}/").json()["definition"] == HOLDS


def test_a_registration_over_rest_is_refused_in_the_shape_of_rest(engineer):
    answer = engineer.post("/api/v1/forecasters/", {**REGISTRATION, "definition": "x = ("}, format="json")
    assert (answer.status_code, answer.json()) == (
        422,
        {
            "error": {
                "code": "script_refused",
                "message": "Line 1: '(' was never closed.",
                "hint": "Correct the script and register it again.",
                "fields": {"definition": ["Line 1: '(' was never closed."]},
            }
        },
    )


def test_a_forecast_over_rest_is_accepted_then_done_and_has_its_files(served, client_as, work):
    client = client_as("operator")
    answer = client.post("/api/v1/forecasts/", {"battery": "cell", "ahead_time": 3}, format="json")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    address = f"/api/v1/forecasts/{answer.json()['id']}/"
    assert client.get(address).json()["result"] is None
    refused = client.get(f"{address}result/?format=csv")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_result")
    work()
    told = client.get(address).json()
    assert (told["state"], told["result"], told["battery"], told["load"]) == (
        "done", RESULT, "cell", {"ahead_time": 3.0, "resolution": 1.0},
    )  # fmt: skip
    assert client.get(f"{address}result/").json() == RESULT
    csv = client.get(f"{address}result/?format=csv")
    assert csv["Content-Disposition"] == f'attachment; filename="forecast-{told["id"]}.csv"'
    assert csv.content.decode().splitlines() == [
        "test_time,battery_time,q_t__base_values", "0.0,120.0,0.98", "1.0,121.0,0.98", "2.0,122.0,0.98",
    ]  # fmt: skip
    parquet = client.get(f"{address}result/?format=parquet")
    assert pq.read_table(io.BytesIO(parquet.content)).to_pydict() == RESULT
    (listed,) = client.get("/api/v1/forecasts/?battery__name=cell&state=done").json()["results"]
    assert "result" not in listed


def test_a_forecast_can_be_asked_for_again_and_of_one_version(served, client_as, work):
    client = client_as("operator")
    forecaster = Forecaster.objects.get()
    body = {"battery": "cell", "ahead_time": 3, "forecaster": forecaster.pk}
    first = client.post("/api/v1/forecasts/", body, format="json").json()
    work()
    again = client.post(f"/api/v1/forecasts/{first['id']}/rerun/")
    assert (again.status_code, again.json()["id"]) == (202, first["id"] + 1)
    assert (again.json()["forecaster"], again.json()["load"]) == (forecaster.pk, first["load"])


def test_a_failed_forecast_over_rest_tells_its_line_and_traceback(estimated, register, client_as, work):
    estimated()
    register(FAILS)
    client = client_as("operator")
    pk = client.post("/api/v1/forecasts/", {"battery": "cell", "ahead_time": 3}, format="json").json()["id"]
    work()
    told = client.get(f"/api/v1/forecasts/{pk}/").json()
    assert (told["state"], told["error"], told["error_line"]) == ("failed", "line 2: KeyError: 'volts'", 2)
    assert "return past['volts']" in told["traceback"]


@pytest.mark.parametrize("path", ["/api/v1/forecasters/", "/api/v1/forecasts/"])
def test_a_list_costs_as_many_queries_for_three_as_for_one(path, served, register, client_as, work):
    client = client_as("operator")
    ask = {"battery": "cell", "ahead_time": 3}
    client.post("/api/v1/forecasts/", ask, format="json")
    with CaptureQueriesContext(connection) as of_one:
        assert client.get(path).json()["count"] == 1
    for _ in range(2):
        register(files={"a": b"1"})
        client.post("/api/v1/forecasts/", ask, format="json")
    with CaptureQueriesContext(connection) as of_three:
        assert client.get(path).json()["count"] == 3
    assert len(of_three) == len(of_one) <= 6


# --- roles ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "reads", "runs", "registers"),
    [
        (None, 401, 401, 401),
        ("nobody", 403, 403, 403),
        ("viewer", 200, 403, 403),
        ("operator", 200, 202, 403),
        ("engineer", 200, 202, 201),
        ("administrator", 200, 202, 201),
    ],
)
def test_viewers_read_operators_run_engineers_register(role, reads, runs, registers, served, client_as):
    client = client_as(role)
    assert client.get("/api/v1/forecasters/").status_code == reads
    assert client.get("/api/v1/forecasts/").status_code == reads
    run = client.post("/api/v1/forecasts/", {"battery": "cell", "ahead_time": 3}, format="json")
    assert run.status_code == runs
    assert client.post("/api/v1/forecasters/", REGISTRATION, format="json").status_code == registers
    seed = client.post("/prognosis/register", REGISTRATION, format="json")
    assert seed.status_code == (200 if registers == 201 else registers)


def test_running_needs_an_operator_even_with_get(served, client_as):
    assert client_as("viewer").get("/prognosis/cell/run?ahead_time=3").status_code == 403
    assert not ForecastRun.objects.exists()


def test_head_makes_no_forecast(served, client_as):
    assert client_as("operator").head("/prognosis/cell/run?ahead_time=3").status_code == 405
    assert not ForecastRun.objects.exists()


def test_registering_runs_nothing_in_this_process(engineer):
    answer = engineer.post("/prognosis/register", {**REGISTRATION, "definition": "1 / 0"}, format="json")
    assert answer.status_code == 200
    assert Forecaster.objects.get().state == ForecasterState.WAITING
    assert json.loads(json.dumps(Job.objects.get().arguments)) == {"forecaster_id": Forecaster.objects.get().pk}
