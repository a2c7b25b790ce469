"""A fit asked for through every door, kept as a parameter set, and taken over by an estimator."""

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from datahub.ingest import store_records
from datahub.models import Battery
from datahub.readers import apart
from datahub.readers.apart import open_rows_apart
from datahub.registration import register_battery
from jobs import queue
from jobs.models import Job
from tests.energykit.fitted_cells import CAPACITY_AH, R0_OHM, slow_cycle_and_pulses
from tests.twin.conftest import run_jobs
from twin.fitting.gathering import rows_of_battery
from twin.fitting.requesting import request_fit
from twin.fitting.wishes import fit_request
from twin.models import Estimator, ParameterSet
from twin.registration import register_estimator

pytestmark = pytest.mark.django_db
NAMES = ("test_time", "current", "voltage")


@pytest.fixture(scope="module")
def columns():
    """Every other row is enough here."""
    found = [column[::2] for column in slow_cycle_and_pulses("nmc").columns()[:3]]
    return {name: values.tolist() for name, values in zip(NAMES, found, strict=True)}


@pytest.fixture
def battery(columns):
    rows = [dict(zip(NAMES, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    store_records("cell 7", rows)
    return Battery.objects.get(name="cell 7")


@pytest.fixture
def fitted(battery, client_as):
    answer = client_as("engineer").post(
        reverse("parameter-set-fit"), {"battery": "cell 7", "title": "bench cell"}, format="json"
    )
    assert answer.status_code == 202
    run_jobs()
    job = Job.objects.get(pk=answer.json()["id"])
    assert (job.state, job.error) == ("done", "")
    return ParameterSet.objects.get(pk=job.result["parameter_set"])


def test_a_fit_by_rest_is_a_job_that_leaves_a_parameter_set(fitted, battery, columns, client_as):
    answer = client_as("viewer").get(reverse("parameter-set-detail", args=[fitted.pk])).json()
    found = {each["name"]: each for each in answer["findings"]}

    assert (answer["title"], answer["battery"], answer["source"]) == ("bench cell", "cell 7", "cell 7")
    assert (answer["rows"], answer["first_row_id"]) == (len(columns["current"]), 1)
    assert answer["last_time"] == columns["test_time"][-1]
    assert found["capacity_ah"]["value"] == pytest.approx(CAPACITY_AH, rel=0.01)
    assert found["r0_ohm"]["value"] == pytest.approx(R0_OHM, rel=0.05)
    assert found["capacity_ah"]["std"] > 0
    assert answer["parameters"]["capacity_ah"] == found["capacity_ah"]["value"]
    assert answer["library_versions"]["numpy"] == np.__version__
    listed = client_as(None)
    assert listed.get(reverse("parameter-set-list")).status_code == 401


def test_an_estimator_is_registered_with_a_parameter_set(fitted, client_as):
    client = client_as("administrator")
    wishes = {"battery": "cell 7", "kind": "joint_ukf", "parameter_set": fitted.pk}

    whole = client.post(reverse("estimator-list"), wishes, format="json")
    mended = client.post(reverse("estimator-list"), {**wishes, "parameters": {"r0_ohm": 0.05}}, format="json")

    assert (whole.status_code, mended.status_code) == (201, 201)
    first, second = (Estimator.objects.get(pk=each.json()["id"]) for each in (whole, mended))
    assert first.parameters == fitted.parameters
    assert second.parameters == {**fitted.parameters, "r0_ohm": 0.05}
    assert first.parameter_set == second.parameter_set == fitted


def test_a_parameter_set_that_is_not_there_is_refused_at_its_field(client_as):
    answer = client_as("engineer").post(
        reverse("estimator-list"), {"battery": "cell 7", "kind": "joint_ukf", "parameter_set": 9}, format="json"
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"parameter_set": ["There is no parameter set 9."]}


def test_the_form_of_an_estimator_takes_a_set_over_with_one_click(fitted, client, user_with_role):
    client.force_login(user_with_role("administrator"))
    page = client.get(reverse("parameter-set", args=[fitted.pk])).content.decode()
    address = f"{reverse('admin:twin_estimator_add')}?parameter_set={fitted.pk}&amp;kind=joint_ukf&amp;battery=cell+7"
    assert f'href="{address}"' in page

    form = client.get(address.replace("&amp;", "&")).content.decode()
    assert f'<option value="{fitted.pk}" selected>bench cell</option>' in form

    given = {"battery_name": "cell 7", "kind": "joint_ukf", "parameter_set": fitted.pk}
    answer = client.post(reverse("admin:twin_estimator_add"), given)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert Estimator.objects.get().parameters == fitted.parameters


@pytest.mark.parametrize(
    ("wishes", "field", "words"),
    [
        ({"preset": "ufo"}, "preset", "There is no preset 'ufo'"),
        ({"capacity_ah": -1}, "capacity_ah", "above 0 Ah"),
        ({"start": 5, "end": 5}, "end", "end at 5 s, before they start"),
        ({"first_row": 10, "end_row": 10}, "end_row", "greater than the first row"),
    ],
)
def test_wishes_that_cannot_be_are_refused_at_their_field(wishes, field, words, battery, client_as):
    answer = client_as("engineer").post(reverse("parameter-set-fit"), {"battery": "cell 7", **wishes}, format="json")

    assert answer.status_code == 422
    assert words in answer.json()["error"]["fields"][field][0]
    assert not Job.objects.exists()


def test_a_battery_without_the_columns_is_refused_with_their_names(client_as):
    store_records("thermometer", [{"test_time": 0.0, "temperature": 20.0}])
    answer = client_as("engineer").post(reverse("parameter-set-fit"), {"battery": "thermometer"}, format="json")

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"battery": ["It has no current, voltage."]}


def test_rows_that_tell_no_cell_fail_the_job_with_the_way_out(battery, client_as):
    wishes = {"battery": "cell 7", "end_row": 20}  # half an hour of rest and the first half per cent
    client_as("engineer").post(reverse("parameter-set-fit"), wishes, format="json")
    run_jobs()

    job = Job.objects.get()
    assert job.state == "failed"
    assert "Choose rows with" in job.error
    assert job.traceback == ""
    assert not ParameterSet.objects.exists()


def test_a_temperature_of_text_is_left_out():
    store_records("cell", [{"test_time": 0.0, "current": 1.0, "voltage": 3.5, "temperature": "warm"}])
    gathered = rows_of_battery(Battery.objects.get(), fit_request({}))
    assert {name: values.tolist() for name, values in gathered.columns.items()} == {
        "test_time": [0.0], "current": [1.0], "voltage": [3.5],
    }  # fmt: skip


def test_a_current_of_text_fails_the_job_with_the_way_out():
    store_records("cell", [{"test_time": 0.0, "Current": "much", "voltage": 3.5}])
    request_fit(Battery.objects.get(), {})
    run_jobs()
    job = Job.objects.get()
    assert (job.state, job.traceback) == ("failed", "")
    assert "holds text in Current" in job.error


def test_an_action_on_batteries_queues_a_fit_for_each_and_tells_why_not(battery, client, user_with_role):
    client.force_login(user_with_role("engineer"))
    register_battery(None, name="empty")
    chosen = [str(each.pk) for each in Battery.objects.all()]

    answer = client.post(
        reverse("admin:datahub_battery_changelist"),
        {"action": "fit_cell_model", "_selected_action": chosen, "sure": "yes"},
        follow=True,
    )

    told = answer.content.decode()
    assert Job.objects.get().title == "Fit a cell model to cell 7"
    assert "has no column test_time, current, voltage" in told


def test_the_fit_page_keeps_what_was_written_beside_its_complaint(battery, client, user_with_role):
    client.force_login(user_with_role("engineer"))
    address = reverse("fit", args=["cell 7"])

    refused = client.post(address, {"title": "mine", "capacity_ah": "-2"})
    taken = client.post(address, {"title": "mine", "end_row": "500"})

    assert refused.status_code == 422
    assert "A capacity is above 0 Ah" in refused.content.decode()
    assert 'value="mine"' in refused.content.decode()
    job = Job.objects.get()
    assert taken["Location"] == reverse("job", args=[job.pk])
    assert (job.arguments["title"], job.arguments["wishes"]["end_row"]) == ("mine", 500)


def test_the_charts_of_a_set_have_its_curve_its_steps_and_its_voltage(fitted, client, user_with_role):
    client.force_login(user_with_role("viewer"))
    charts = client.get(reverse("parameter-set-series", args=[fitted.pk])).json()

    assert set(charts) == {"ocv", "pulses", "voltage"}
    (panel,) = charts["ocv"]["panels"]
    assert [line["name"] for line in panel["lines"]] == ["measured charge", "measured discharge", "fitted OCV"]
    assert [len(panel["lines"]) for panel in charts["pulses"]["panels"]] == [2, 2]


def test_the_command_fits_a_file_and_keeps_it_where_a_name_is_given(columns, tmp_path, capsys):
    path = tmp_path / "bench.csv"
    lines = [",".join(f"{value!r}" for value in row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(NAMES), *lines]))

    call_command("fit_cell", str(path), save="from a file", rows=f"0:{len(lines)}")

    told, kept = capsys.readouterr().out, ParameterSet.objects.get()
    assert f"bench.csv: {len(lines):,} rows" in told
    assert "RC pair 1: time constant" in told
    assert f"The filter over the first {len(lines):,} rows: mean NIS" in told
    assert f"Kept as parameter set {kept.pk}" in told
    assert (kept.title, kept.source, kept.battery, kept.rows) == ("from a file", "bench.csv", None, len(lines))


def test_the_command_fits_a_batterys_rows_and_keeps_the_set_with_it(battery, columns, capsys):
    call_command("fit_cell", "cell 7", save="from its rows", rows=f"0:{len(columns['current']) - 5}")

    told, kept = capsys.readouterr().out, ParameterSet.objects.get()
    assert f"cell 7: {len(columns['current']) - 5:,} rows" in told
    assert (kept.title, kept.source, kept.battery) == ("from its rows", "cell 7", battery)
    assert (kept.first_row_id, kept.last_row_id) == (1, len(columns["current"]) - 5)
    assert kept.parameters["capacity_ah"] == pytest.approx(CAPACITY_AH, rel=0.01)


# --- a file over REST ----------------------------------------------------------------------------------------------
def csv_of(columns, name="bench cell.csv"):
    lines = [",".join(f"{value!r}" for value in row) for row in zip(*columns.values(), strict=True)]
    return ContentFile("\n".join([",".join(columns), *lines]).encode(), name)


def post_file(client, file, **wishes):
    return client.post(reverse("parameter-set-fit"), {"file": file, **wishes}, format="multipart")


def files_kept(settings):
    return [path for path in (settings.MEDIA_ROOT / "fits").rglob("*") if path.is_file()]


def test_a_file_over_rest_is_fitted_by_a_job_that_reads_it_apart(columns, client_as, settings, monkeypatch):
    opened = []
    monkeypatch.setattr(apart, "open_rows_apart", lambda path: opened.append(path.name) or open_rows_apart(path))
    answer = post_file(client_as("engineer"), csv_of(columns), title="bench cell", end_row=len(columns["current"]) - 5)
    assert (answer.status_code, answer.json()["title"]) == (202, "Fit a cell model to bench cell.csv")
    assert len(files_kept(settings)) == 1
    run_jobs()

    job, kept = Job.objects.get(), ParameterSet.objects.get()
    assert (job.state, job.error, job.result["parameter_set"], job.result["file"]) == (
        "done", "", kept.pk, "bench cell.csv",
    )  # fmt: skip
    assert (kept.title, kept.source, kept.battery, kept.rows) == (
        "bench cell", "bench cell.csv", None, len(columns["current"]) - 5,
    )  # fmt: skip
    assert kept.fitted_by.username == "the-engineer"
    assert kept.parameters["capacity_ah"] == pytest.approx(CAPACITY_AH, rel=0.01)
    assert opened == ["bench cell.csv"]
    assert not Battery.objects.exists()
    assert files_kept(settings) == []


def test_a_file_that_tells_no_cell_fails_its_job_and_goes_with_it(
    client_as, settings, django_capture_on_commit_callbacks
):
    file = ContentFile(b"test_time,voltage\n0,3.5\n", "times.csv")
    post_file(client_as("engineer"), file)
    run_jobs()
    first = Job.objects.get()
    assert (first.state, first.traceback) == ("failed", "")
    assert "times.csv has no column current" in first.error
    second = queue.retry(first, by=None)
    with django_capture_on_commit_callbacks(execute=True):
        first.delete()
    assert len(files_kept(settings)) == 1  # the second try reads it
    with django_capture_on_commit_callbacks(execute=True):
        second.delete()
    assert files_kept(settings) == []


@pytest.mark.parametrize("sent", [{}, {"battery": "cell 7", "file": ContentFile(b"x", "x.csv")}])
def test_one_of_battery_and_file_is_named(sent, client_as):
    answer = client_as("engineer").post(reverse("parameter-set-fit"), sent, format="multipart")
    assert answer.status_code in (400, 422)
    assert "one of both" in str(answer.json())
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_or_of_an_operator_is_not_kept(client_as, settings):
    settings.IMPORT_MAX_BYTES = 10
    file = ContentFile(b"test_time,current,voltage\n", "a.csv")
    assert post_file(client_as("engineer"), file).status_code == 413
    assert post_file(client_as("operator"), file).status_code == 403
    assert (files_kept(settings), Job.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [
        ("nobody", {}, "There is no battery 'nobody'"),
        ("nobody", {"rows": "5"}, "--rows takes two numbers"),
        ("times.csv", {}, "has no column current, voltage"),
    ],
)
def test_the_command_says_what_is_wrong(what, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "times.csv").write_text("test_time\n1\n2\n")
    with pytest.raises(CommandError, match=words):
        call_command("fit_cell", what, **options)


def test_what_was_fitted_outlives_its_battery_and_an_estimator_its_fit(fitted, battery):
    estimator = register_estimator(battery_name="other", kind="joint_ukf", parameter_set=fitted)
    battery.delete()
    fitted.refresh_from_db()
    assert (fitted.battery, fitted.source) == (None, "cell 7")

    fitted.delete()
    estimator.refresh_from_db()
    assert estimator.parameter_set is None
    assert estimator.parameters["capacity_ah"] == pytest.approx(CAPACITY_AH, rel=0.01)
