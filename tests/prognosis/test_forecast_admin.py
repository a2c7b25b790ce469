"""In the admin a person registers a version, sees each fault beside its field, and why a script failed, at its line."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import request_run
from prognosis.models import Forecaster, ForecasterState, ForecastRun, RunState
from tests.prognosis.conftest import HOLDS, QUERY, where_history_is_read

pytestmark = [where_history_is_read, pytest.mark.postgres]

ADD = "/admin/prognosis/forecaster/add/"
FORM = {"name": "cell", "batteries": "", "sql_query": QUERY, "definition": HOLDS, "keep_files_of": ""}
RUN_FORM = {"battery": "cell", "ahead": "1", "ahead_unit": "h", "step": "15", "step_unit": "s", "profile": "none"}


@pytest.fixture
def browser_of(user_with_role):
    def make(role):
        client = Client()
        client.force_login(user_with_role(role))
        return client

    return make


@pytest.fixture
def engineer(browser_of):
    return browser_of("engineer")


def shown(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


# --- forecasters ---------------------------------------------------------------------------------------------------
def test_a_filled_form_registers_a_version_with_its_files(engineer, work):
    files = [SimpleUploadedFile("a b.pkl", b"1"), SimpleUploadedFile("c.pkl", b"2")]
    answer = engineer.post(ADD, {**FORM, "batteries": "cell\nmodule 7/α\n", "files": files})
    assert answer.status_code == 302
    forecaster = Forecaster.objects.get()
    assert (forecaster.version, forecaster.battery_names) == (1, ["cell", "module 7/α"])
    assert [file.name for file in forecaster.files.all()] == ["a b.pkl", "c.pkl"]
    assert forecaster.registered_by.username == "the-engineer"
    work()
    forecaster.refresh_from_db()
    assert forecaster.is_current


def test_a_script_file_takes_the_place_of_the_text(engineer):
    script = SimpleUploadedFile("mine.py", b"def forecast(past, load):\n    return load\n")
    assert engineer.post(ADD, {**FORM, "definition": "", "script_file": script}).status_code == 302
    assert Forecaster.objects.get().script.read() == b"def forecast(past, load):\n    return load\n"


@pytest.mark.parametrize(
    ("change", "field", "complaint"),
    [
        ({"definition": "def forecast(:"}, "definition", "Line 1: invalid syntax."),
        (
            {"definition": ""},
            "definition",
            "The script is empty; it must define a function forecast(past_estimates, load).",
        ),
        ({"sql_query": "SELECT soc FROM $TABLE_NAME$ ; SELECT 1"}, "sql_query", "`;` at column 30: one SELECT only."),
        ({"name": ""}, "name", "This field is required."),
        (
            {"batteries": "n" * 256},
            "batteries",
            "A battery's name has at most 255 characters; this one has 256.",
        ),
        (
            {"files": [SimpleUploadedFile("forecaster.py", b"1")]},
            "files",
            "'forecaster.py' is the name of the script itself; name the file otherwise.",
        ),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_is_stored(engineer, change, field, complaint):
    answer = engineer.post(ADD, {**FORM, **change})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {field: [complaint]}
    assert not Forecaster.objects.exists()


def test_every_fault_is_told_at_once(engineer):
    answer = engineer.post(ADD, {**FORM, "definition": "(", "sql_query": "SELECT 1"})
    assert set(answer.context["adminform"].form.errors) == {"definition", "sql_query"}


def test_a_new_version_begins_from_an_old_one_and_keeps_the_files_that_are_not_replaced(engineer, register):
    old = register(files={"a": b"old a", "b": b"old b"}, batteries=["x", "y"])
    form = engineer.get(ADD, {"from": old.pk}).context["adminform"].form
    begun = {name: form[name].value() for name in FORM}
    assert begun == {
        "name": "cell", "batteries": "x\ny", "sql_query": QUERY, "definition": HOLDS, "keep_files_of": old.pk,
    }  # fmt: skip
    assert engineer.post(ADD, {**begun, "files": [SimpleUploadedFile("b", b"new b")]}).status_code == 302
    new = Forecaster.objects.get(version=2)
    assert {file.name: file.file.read() for file in new.files.all()} == {"a": b"old a", "b": b"new b"}


def test_the_page_of_a_failed_version_marks_the_line(engineer, register, work):
    forecaster = register("x = '<b>'\n1 / 0\n")
    work()
    page = shown(engineer, reverse("admin:prognosis_forecaster_change", args=[forecaster.pk]))
    assert "Failed: line 2: ZeroDivisionError: division by zero" in page
    assert "   1  x = &#x27;&lt;b&gt;&#x27;\n<mark>   2  1 / 0</mark>" in page
    assert f"{ADD}?from={forecaster.pk}" in page
    assert f"/api/v1/forecasters/{forecaster.pk}/" in page


def test_a_version_cannot_be_changed(engineer, register):
    forecaster = register()
    address = reverse("admin:prognosis_forecaster_change", args=[forecaster.pk])
    assert 'name="_save"' not in shown(engineer, address)
    assert engineer.post(address, {**FORM, "name": "other"}).status_code == 403


def test_the_states_are_told_in_sentences(estimated, register, work):
    forecaster = register()
    assert forecaster.state_sentence == "Waiting: a worker loads the script in the sandbox, which takes about a second."
    work()
    forecaster.refresh_from_db()
    assert forecaster.state_sentence == "Ready. No battery 'cell' yet."
    estimated()
    assert forecaster.state_sentence == "Ready."
    register()
    work()
    forecaster.refresh_from_db()
    assert forecaster.state_sentence == "Ready, and replaced by a newer version."


def test_a_version_that_failed_can_be_loaded_again(engineer, register, work, without_walls):
    forecaster = register()
    with without_walls():
        work()
    chosen = {"action": "load_again", "_selected_action": [forecaster.pk], "sure": "yes"}
    assert engineer.post("/admin/prognosis/forecaster/", chosen).status_code == 302
    work()
    forecaster.refresh_from_db()
    assert (forecaster.state, forecaster.is_current, forecaster.last_error) == (ForecasterState.READY, True, "")


# --- forecasts -----------------------------------------------------------------------------------------------------
@pytest.fixture
def served(estimated, register, work):
    battery = estimated()
    register()
    work()
    return battery


def test_a_filled_form_asks_for_a_forecast(served, browser_of, work):
    operator = browser_of("operator")
    form = {**RUN_FORM, "step": "0.25", "step_unit": "h", "profile": "power", "power": "-5"}
    assert operator.post("/admin/prognosis/forecastrun/add/", form).status_code == 302
    work()
    run = ForecastRun.objects.get()
    assert (run.state, run.load) == (RunState.DONE, {"ahead_time": 3600.0, "resolution": 900.0, "power": -5.0})
    assert run.requested_by.username == "the-operator"
    page = shown(operator, reverse("admin:prognosis_forecastrun_change", args=[run.pk]))
    assert f"/api/v1/forecasts/{run.pk}/result/?format=csv" in page
    assert "done" in shown(operator, "/admin/prognosis/forecastrun/")


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"battery": "other"}, {"battery": ["There is no battery 'other'."]}),
        ({"ahead": "0"}, {"ahead": ["0 is not above 0 s."]}),
        ({"ahead": "x"}, {"ahead": ["Enter a number."]}),
        (
            {"ahead": "100", "ahead_unit": "y", "step": "1"},
            {"step": ["3.15576e+09 s in steps of 1 s are more than 1,000,000 points; take steps of 3200 s or more."]},
        ),
        ({"profile": "current"}, {"current": ["Give its value."]}),
        ({"profile": "csv"}, {"csv": ["Choose a file."]}),
        (
            {"profile": "csv", "csv": SimpleUploadedFile("l.csv", b"test_time,volts\n0,1\n")},
            {
                "csv": [
                    "The first line must name test_time and at least one of current, power, temperature, and nothing "
                    "else; it has 'test_time', 'volts'."
                ]
            },
        ),
    ],
)
def test_a_load_that_cannot_be_is_told_beside_its_field(served, browser_of, change, errors):
    answer = browser_of("operator").post("/admin/prognosis/forecastrun/add/", {**RUN_FORM, **change})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == errors
    assert not ForecastRun.objects.exists()


def test_a_csv_is_taken_in_the_form(served, browser_of, work):
    csv = SimpleUploadedFile("load.csv", b"test_time,current\n0,1\n3600,-1\n")
    form = {**RUN_FORM, "profile": "csv", "csv": csv}
    assert browser_of("operator").post("/admin/prognosis/forecastrun/add/", form).status_code == 302
    work()
    run = ForecastRun.objects.get()
    assert (run.state, run.result_columns) == (
        RunState.DONE,
        ["test_time", "current", "battery_time", "q_t__base_values"],
    )


def test_forecasts_can_be_made_again_and_those_that_cannot_are_told(served, browser_of, register, work):
    operator = browser_of("operator")
    run = request_run(served, load_from({"ahead_time": 3}))
    work()
    chosen = {"action": "forecast_again", "_selected_action": [run.pk], "sure": "yes"}
    operator.post("/admin/prognosis/forecastrun/", chosen)
    assert ForecastRun.objects.count() == 2
    Forecaster.objects.all().delete()
    page = operator.post("/admin/prognosis/forecastrun/", chosen, follow=True).content.decode()
    assert "0 queued, 1 skipped: No forecaster is registered for the battery &#x27;cell&#x27;." in page


def test_a_failed_forecast_shows_its_error_and_traceback(estimated, register, work, browser_of):
    battery = estimated()
    register("def forecast(past, load):\n    return past['<volts>']\n")
    run = request_run(battery, load_from({"ahead_time": 3}))
    work()
    page = shown(browser_of("viewer"), reverse("admin:prognosis_forecastrun_change", args=[run.pk]))
    assert "line 2: KeyError: &#x27;&lt;volts&gt;&#x27;" in page


# --- roles ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "registers", "runs"), [("viewer", 403, 403), ("operator", 403, 200), ("engineer", 200, 200)]
)
def test_operators_forecast_and_engineers_register(role, registers, runs, browser_of):
    client = browser_of(role)
    assert client.get(ADD).status_code == registers
    assert client.get("/admin/prognosis/forecastrun/add/").status_code == runs
    assert client.get("/admin/prognosis/forecaster/").status_code == 200
    assert client.get("/admin/prognosis/forecastrun/").status_code == 200


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_an_action_of_engineers_is_not_open_to_others(role, browser_of, register):
    forecaster = register()
    chosen = {"action": "load_again", "_selected_action": [forecaster.pk], "sure": "yes"}
    page = browser_of(role).post("/admin/prognosis/forecaster/", chosen, follow=True).content.decode()
    assert "Load again" not in page
    assert forecaster.load_job_id == Forecaster.objects.get().load_job_id
