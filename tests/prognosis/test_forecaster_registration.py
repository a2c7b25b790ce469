"""A registration is checked at once, stored as a version, and loaded in the sandbox; one that fails disturbs none."""

import hashlib

import pytest
from django.conf import settings
from django.core.files.base import ContentFile

from jobs.models import Job, State
from prognosis.errors import NameRefused, TemplateRefused
from prognosis.models import Forecaster, ForecasterState
from prognosis.queries import forecaster_of
from prognosis.registration import queue_loading
from prognosis.validators import check_support_files
from tests.prognosis.conftest import HOLDS, QUERY
from uploads.errors import ScriptRefused, SupportFileRefused

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FAILS_AT_LINE_3 = "import math\n\nmath.sqrt(-1)\n\ndef forecast(past, load):\n    return load\n"


# --- what is stored ------------------------------------------------------------------------------------------------
def test_a_registration_is_stored_as_version_1_and_its_loading_queued(register, user_with_role):
    engineer = user_with_role("engineer")
    forecaster = register(files={"my model.pkl": b"weights"}, registered_by=engineer)
    assert (forecaster.name, forecaster.version, forecaster.state) == ("cell", 1, ForecasterState.WAITING)
    assert (forecaster.sql_query, forecaster.registered_by) == (QUERY, engineer)
    assert forecaster.script_sha256 == hashlib.sha256(HOLDS.encode()).hexdigest()
    assert forecaster.script.read().decode() == HOLDS
    assert forecaster.battery_names == ["cell"]
    assert not forecaster.is_current
    stored = forecaster.files.get()
    assert (stored.name, stored.size, stored.sha256) == ("my model.pkl", 7, hashlib.sha256(b"weights").hexdigest())
    assert stored.file.read() == b"weights"
    job = Job.objects.get()
    assert (job.kind, job.arguments, job.requested_by) == (
        "load_forecaster",
        {"forecaster_id": forecaster.pk},
        engineer,
    )
    assert forecaster.load_job == job


def test_files_lie_under_the_uploads_with_the_names_that_they_came_with(register):
    forecaster = register(files={"my model (α).pkl": b"weights"})
    folder = settings.MEDIA_ROOT / "forecasters" / str(forecaster.folder)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "files/my model (α).pkl",
        "script/forecaster.py",
    ]


def test_one_forecaster_may_serve_several_batteries(register):
    forecaster = register(name="fade", batteries=["module 7/α", "cell", "module 7/α"])
    assert forecaster.battery_names == ["cell", "module 7/α"]
    assert forecaster_of("module 7/α") == forecaster


def test_the_files_of_a_deleted_forecaster_go_with_it(register, django_capture_on_commit_callbacks):
    forecaster = register(files={"a.bin": b"1"})
    with django_capture_on_commit_callbacks(execute=True):
        forecaster.delete()
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []


# --- loading -------------------------------------------------------------------------------------------------------
def test_a_script_that_loads_becomes_ready_and_current_with_what_it_was_loaded_with(register, work):
    forecaster = register("import numpy as np\ndef predict(past, load):\n    return load\n")
    assert [job.state for job in work()] == [State.DONE]
    forecaster.refresh_from_db()
    assert (forecaster.state, forecaster.is_current, forecaster.entry) == (ForecasterState.READY, True, "predict")
    assert set(forecaster.library_versions) == {"python", "numpy", "pandas"}


def test_a_script_finds_its_support_files_beside_it_when_it_is_loaded(register, work):
    forecaster = register(
        "text = open('note.txt').read()\nimport helper\n" + HOLDS, files={"note.txt": b"hi", "helper.py": b"x = 1"}
    )
    assert [job.state for job in work()] == [State.DONE]
    forecaster.refresh_from_db()
    assert forecaster.state == ForecasterState.READY


def test_a_script_that_fails_to_load_is_kept_with_its_error_and_line(register, work):
    forecaster = register(FAILS_AT_LINE_3)
    (job,) = work()
    assert (job.state, job.error) == (State.FAILED, "line 3: ValueError: math domain error")
    forecaster.refresh_from_db()
    assert forecaster.state == ForecasterState.FAILED
    assert forecaster.last_error == "line 3: ValueError: math domain error"
    assert forecaster.last_error_line == 3
    assert forecaster.last_traceback == (
        'Traceback (most recent call last):\n  File "forecaster.py", line 3, in <module>\n    math.sqrt(-1)\n'
        "ValueError: math domain error\n"
    )
    assert not forecaster.is_current


def test_a_script_with_two_functions_and_no_forecast_is_kept_as_failed(register, work):
    forecaster = register("def a(p, l): pass\ndef b(p, l): pass\n")
    work()
    forecaster.refresh_from_db()
    assert (forecaster.state, forecaster.last_error) == (
        ForecasterState.FAILED,
        "The script defines 2 functions, a, b; name the one to call forecast(past_estimates, load).",
    )


def test_a_new_version_replaces_the_one_before_it(register, work):
    first = register()
    work()
    second = register("def forecast(past, load):\n    return load\n")
    assert forecaster_of("cell") == first
    work()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.version, first.is_current, first.state) == (1, False, ForecasterState.READY)
    assert (second.version, second.is_current) == (2, True)
    assert forecaster_of("cell") == second


def test_a_version_that_fails_leaves_the_one_that_runs_in_place(register, work):
    first = register()
    work()
    register(FAILS_AT_LINE_3)
    work()
    first.refresh_from_db()
    assert first.is_current
    assert forecaster_of("cell") == first


def test_an_older_version_that_is_loaded_late_does_not_take_over_from_a_newer_one(register, work):
    older = register()
    Job.objects.update(state=State.FAILED)
    newer = register()
    work()
    queue_loading(older)
    work()
    older.refresh_from_db()
    newer.refresh_from_db()
    assert (older.state, older.is_current, newer.is_current) == (ForecasterState.READY, False, True)


def test_where_the_sandbox_lacks_a_wall_no_script_is_loaded_and_the_record_says_so(register, work, settings):
    settings.SANDBOX_REQUIRED_WALLS = ("moat",)
    forecaster = register()
    work()
    forecaster.refresh_from_db()
    assert forecaster.state == ForecasterState.FAILED
    assert "these required walls of the sandbox are missing: moat" in forecaster.last_error


# --- what is refused at once ---------------------------------------------------------------------------------------
def test_a_script_that_does_not_parse_is_refused_with_line_and_message(register):
    with pytest.raises(ScriptRefused) as refused:
        register("def forecast(past, load):\n    return (\n")
    assert (refused.value.message, refused.value.line, refused.value.status) == (
        "Line 2: '(' was never closed.",
        2,
        422,
    )
    assert refused.value.fields == {"definition": ["Line 2: '(' was never closed."]}
    assert not Forecaster.objects.exists()


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("", "The script is empty; it must define a function forecast(past_estimates, load)."),
        ("   \n", "The script is empty; it must define a function forecast(past_estimates, load)."),
        ("return 1", "Line 1: 'return' outside function."),
        (b"x = 1\ny = '\xff'", "Line 2: the script is not UTF-8 text."),
        ("x = 1\0", "The script cannot be read: source code string cannot contain null bytes."),
        ("(" * 5000, "Line 1: too many nested parentheses."),
        ("x" * 2**20 + "x", "The script is larger than 1,048,576 bytes."),
    ],
)
def test_what_is_no_script_is_refused(register, definition, message):
    with pytest.raises(ScriptRefused) as refused:
        register(definition)
    assert refused.value.message == message


def test_a_script_is_never_run_while_it_is_registered(register, tmp_path):
    mark = tmp_path / "ran"
    register(f"open({str(mark)!r}, 'w')\ndef forecast(past, load): pass\n")
    assert not mark.exists()


def test_sql_that_is_more_than_one_select_is_refused(register):
    with pytest.raises(TemplateRefused, match="`;` at column 30: one SELECT only"):
        register(sql_query="SELECT soc FROM $TABLE_NAME$ ; DROP TABLE datahub_battery")
    assert not Forecaster.objects.exists()


@pytest.mark.parametrize(
    "name", ["", "../x.pkl", "a/b.pkl", "a\\b", ".hidden", "..", "a\0b", "n" * 256, "forecaster.py"]
)
def test_a_support_file_without_a_plain_name_is_refused(name):
    file = ContentFile(b"1", name=name)
    with pytest.raises(SupportFileRefused):
        check_support_files([file])


def test_support_files_are_bounded_in_number_and_size(register, settings):
    with pytest.raises(SupportFileRefused, match="51 files came; 50 are the most"):
        register(files={f"{number}.bin": b"1" for number in range(51)})
    settings.SUPPORT_FILE_MAX_BYTES = 5
    with pytest.raises(SupportFileRefused, match="more than 5 bytes together"):
        register(files={"a": b"123", "b": b"456"})
    assert not Forecaster.objects.exists()


def test_two_support_files_of_one_name_are_refused():
    with pytest.raises(SupportFileRefused, match="Two files are called 'a'"):
        check_support_files([ContentFile(b"1", name="a"), ContentFile(b"2", name="a")])


@pytest.mark.parametrize("name", ["", "n" * 256, "a\0b"])
def test_a_name_that_no_battery_can_have_is_refused(register, name):
    with pytest.raises(NameRefused):
        register(name=name)
    with pytest.raises(NameRefused):
        register(name="fade", batteries=[name])
