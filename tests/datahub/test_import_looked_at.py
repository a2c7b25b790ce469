"""A file is looked at before it is stored: what is odd, what its columns mean, and how it is taken out again."""

import csv

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from datahub.errors import CannotBeUndone, FileUnreadable, ImportHasBegun, MappingRefused
from datahub.exports import FORMATS, exported
from datahub.imports.judging import Judge
from datahub.imports.mapping import checked
from datahub.imports.requesting import begin_import, request_import, undo_import
from datahub.ingest import store_records
from datahub.models import Battery, DataImport
from datahub.queries import records
from datahub.readers import open_rows
from datahub.windows import Window
from jobs.models import Job, State, Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def run_next():
    worker = Worker.objects.get_or_create(name="w", defaults={"heartbeat": timezone.now()})[0]
    run_job(claim_next_job(worker))
    return Job.objects.latest("id"), DataImport.objects.latest("id")


def judged(*chunks, **columns):
    judge = Judge()
    for chunk in chunks or (columns,):
        judge.see(chunk)
    return {finding.code: finding for finding in judge.findings()}, judge


GOOD = {
    "test_time": [0.0, 10.0, 20.0, 30.0, 40.0, 50.0],
    "current": [1.0, 1.0, 1.0, -1.0, -1.0, -1.0],
    "voltage": [3.60, 3.65, 3.70, 3.50, 3.45, 3.40],
    "temperature": [25.0] * 6,
}


# --- what is odd -----------------------------------------------------------------------------------------------------
def test_a_good_file_has_nothing_odd():
    found, judge = judged(**GOOD)
    assert found == {}
    report = judge.report()
    assert (report["rows"], report["first_test_time"], report["last_test_time"], report["usual_step"]) == (6, 0, 50, 10)


def test_it_is_the_same_in_chunks():
    first = {name: values[:4] for name, values in GOOD.items()}
    second = {name: values[4:] for name, values in GOOD.items()}
    second["test_time"] = [20.0, 1000.0]
    whole, _ = judged(**{**GOOD, "test_time": [0.0, 10.0, 20.0, 30.0, 20.0, 1000.0]})
    apart, _ = judged(first, second)
    assert apart == whole
    assert (apart["time_goes_backwards"].count, apart["time_goes_backwards"].row) == (1, 4)
    assert (apart["gaps"].count, apart["gaps"].row) == (1, 5)  # 980 s, where 10 s are usual
    assert "the longest 980 s" in apart["gaps"].sentence


def test_a_voltage_that_falls_while_charging_shows_a_reversed_current():
    reversed_ = [-value for value in GOOD["current"]]
    found, _ = judged(**{**GOOD, "current": reversed_})
    assert found["sign_of_current"].conversion == "reverse"
    assert "-0.10 V while it is positive and +0.10 V while it is negative" in found["sign_of_current"].sentence
    # One direction alone is judged as well; a rest says nothing.
    one = {"test_time": [0.0, 1.0, 2.0], "current": [2.0, 2.0, 2.0], "voltage": [3.7, 3.6, 3.5]}
    assert "sign_of_current" in judged(**one)[0]
    assert "sign_of_current" not in judged(**{**one, "current": [0.0, 0.0, 0.0]})[0]


@pytest.mark.parametrize(
    ("column", "values", "code", "conversion"),
    [
        ("voltage", [3600.0, 3650.0, 3700.0, 3500.0, 3450.0, 3400.0], "unit_of_voltage", "milli"),
        ("current", [2500.0, 2500.0, 2500.0, -2500.0, -2500.0, -2500.0], "unit_of_current", "milli"),
        ("temperature", [298.15] * 6, "unit_of_temperature", "kelvin"),
        ("temperature", [-273.0] * 6, "unit_of_temperature", ""),
        ("test_time", [1.6e9 + 10 * k for k in range(6)], "unit_of_time", ""),
    ],
)
def test_units_that_look_wrong_are_told_with_what_would_mend_them(column, values, code, conversion):
    found, _ = judged(**{**GOOD, column: values})
    assert {name: finding.conversion for name, finding in found.items()} == {code: conversion}


def test_what_is_missing_or_no_number_is_told():
    found, _ = judged(test_time=[0.0, None, 2.0], voltage=["3.7", "x", None], text=["a", "b", "c"])
    assert found["missing"].column == "current"
    assert found["not_a_number"].sentence == "voltage is no number in 3 rows, first in row 0."


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF document"), (b"\x89PNG\r\n\x1a\n", "a picture"), (b"<!DOCTYPE html>", "a web page"),
        (b"PK\x03\x04....", "a ZIP archive or a spreadsheet"),
        (b"test_time\0\0\0", "neither HDF5 nor Parquet nor text"),
        ("test_time,voltage\n".encode("utf-16"), "text in UTF-16"), (b"\x80\x04\x95", "a pickle"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_named_and_not_taken_for_csv(content, kind, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=f"data.csv is {kind}"):
        open_rows(path)


# --- what its columns mean -------------------------------------------------------------------------------------------
FILE = "t (min),I / mA,U,note\n0,-1000,3.6,a\n1,-1000,3.7,b\n2,-1000,3.8,c\n"
CHOSEN = {
    "I / mA": {"name": "current", "conversion": "reverse"},
    "t (min)": {"name": "test_time", "conversion": "minutes"},
    "U": {"name": "voltage"},
    "note": {"name": ""},
}


def preview(text=FILE, by=None, name="bench.csv"):
    wanted = request_import(ContentFile(text.encode(), name), requested_by=by, preview=True)
    job, done = run_next()
    assert (job.state, job.error) == (State.DONE, "")
    assert done.pk == wanted.pk
    return done


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_preview_stores_nothing_and_what_is_chosen_then_is_stored_and_remembered(media, user_with_role):
    person = user_with_role("operator")
    looked_at = preview(by=person)
    assert not Battery.objects.exists()
    assert [(column["label"], column["name"]) for column in looked_at.preview["columns"]] == [
        ("t (min)", "t_min"), ("I / mA", "i_ma"), ("U", "U"), ("note", "note"),
    ]  # fmt: skip
    assert looked_at.preview["battery"] == "bench"
    assert {finding["column"] for finding in looked_at.report["findings"]} == {"test_time", "current", "voltage"}

    chosen = {**CHOSEN, "I / mA": {"name": "current", "conversion": "reverse_milli"}}
    begin_import(looked_at, chosen, None, person)
    _, done = run_next()
    stored = [[row[name] for name in ("test_time", "current", "voltage")] for row in records(Battery.objects.get())]
    assert stored == [[0.0, 1.0, 3.6], [60.0, 1.0, 3.7], [120.0, 1.0, 3.8]]
    assert "note" not in Battery.objects.get().columns
    assert done.report["findings"] == []
    assert done.made_battery
    with pytest.raises(ImportHasBegun):
        begin_import(done, {}, None, person)

    again = preview(by=person, text=FILE.replace("t (min),I / mA", "I / mA,t (min)").replace("\n0,-1000", "\n-1,0"))
    assert again.preview["is_remembered"]
    names = {column["label"]: (column["name"], column["conversion"]) for column in again.preview["columns"]}
    assert names["I / mA"] == ("current", "reverse_milli")
    assert names["note"] == ("", "")
    assert not preview(by=None).preview["is_remembered"]


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"U": {"name": "a b"}}, "is no name of a column"), ({"U": {"name": "x", "conversion": "?"}}, "no conversion"),
        ({"W": {"name": "x"}}, "has no column 'W'"), ({"U": "x"}, "needs a map"), ([], "Give a map"),
        ({"U": {"name": "x"}, "note": {"name": "X"}}, "cannot both become"),
    ],
)  # fmt: skip
def test_a_mapping_that_makes_no_sense_is_refused_at_its_column(mapping, why):
    with pytest.raises(MappingRefused, match=why):
        checked(mapping, ["t", "U", "note"])


# --- taken out again -------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.postgres
def test_an_import_that_made_its_battery_is_undone_with_it(media):
    request_import(ContentFile(b"test_time,voltage\n0,3.7\n1,3.7\n", "cell.csv"))
    _, done = run_next()
    assert Battery.objects.get().rows == 2
    undo_import(done, None)
    done.refresh_from_db()
    assert (Battery.objects.count(), done.battery, done.undone is None) == (0, None, False)
    with pytest.raises(CannotBeUndone, match="undone already"):
        undo_import(done, None)


@pytest.mark.django_db
def test_rows_that_came_otherwise_are_not_lost_by_undoing(media):
    request_import(ContentFile(b"test_time,voltage\n0,3.7\n", "cell.csv"))
    _, done = run_next()
    store_records("cell", [{"test_time": 5.0, "voltage": 3.7}])
    with pytest.raises(CannotBeUndone, match="holds 1 rows that came otherwise"):
        undo_import(done, None)
    store_records("other", [{"test_time": 5.0, "voltage": 3.7}])
    other = Battery.objects.get(name="other")
    request_import(ContentFile(b"test_time,voltage\n6,3.7\n", "more.csv"), battery=other)
    _, more = run_next()
    with pytest.raises(CannotBeUndone, match="other was there before"):
        undo_import(more, None)
    assert Battery.objects.count() == 2


# --- real files, in and out ------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("arbin_example.csv", None),
        ("CALCE_CX2-33_prism_LCO_25C_0-100_0.5-0.5C_d_timeseries.csv", None),
        ("example-camp-rpt.h5", 185),
    ],
)
def test_a_real_file_comes_in_with_nothing_odd_about_its_signs_and_units(name, rows, shared_data):
    """Against the file's own text, read by the standard library, or the known number of rows."""
    opened = open_rows(shared_data(name))
    judge, first = Judge(), None
    for chunk in opened.chunks():
        first = first or {column: values[0] for column, values in chunk.items()}
        judge.see(chunk)
    opened.close()
    assert {"test_time", "current", "voltage"} <= set(opened.names.values())
    codes = {finding.code for finding in judge.findings()}
    assert not codes & {"missing", "sign_of_current", "unit_of_voltage", "unit_of_current", "unit_of_time"}
    if rows is None:
        with shared_data(name).open(newline="") as file:
            lines = list(csv.DictReader(file))
        rows = len(lines)
        labels = {ours: label for label, ours in opened.names.items()}
        for column in ("test_time", "current", "voltage"):
            assert first[column] == float(lines[0][labels[column]])
    assert judge.rows == rows


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", FORMATS)
def test_what_is_exported_comes_in_again_as_it_was(wanted, shared_data, tmp_path):
    """500 rows of an Arbin cycler, through each format."""
    text = "".join(shared_data("arbin_example.csv").read_text().splitlines(keepends=True)[:501])
    kept = open_rows(_file(tmp_path / "in.csv", text.encode()))
    for chunk in kept.chunks():
        store_records("arbin", [dict(zip(chunk, row, strict=True)) for row in zip(*chunk.values(), strict=True)])
    battery = Battery.objects.get()
    path = _file(tmp_path / f"out{FORMATS[wanted].suffix}", b"".join(exported(battery, Window(), FORMATS[wanted])))
    if wanted.startswith("bdf"):
        labels = set(open_rows(path).names)
        assert {"test_time_second", "voltage_volt", "current_ampere", "temperature_t1_celsius"} <= labels
    found = open_rows(path)
    for chunk in found.chunks():
        store_records("again", [dict(zip(chunk, row, strict=True)) for row in zip(*chunk.values(), strict=True)])
    own = ("row_id", "received", "row_late")
    before, after = (
        [{name: value for name, value in row.items() if name not in own} for row in records(each, limit=1000)]
        for each in (battery, Battery.objects.get(name="again"))
    )
    assert len(before) == 500
    assert after == before


def _file(path, content):
    path.write_bytes(content)
    return path


def test_the_toolkits_own_reader_agrees_with_ours_about_arbin(shared_data):
    """battery-data-toolkit drops rows of the same second and counts whole seconds; what it keeps is what we read."""
    theirs = pytest.importorskip("battdat.io.arbin").ArbinReader().read_file(str(shared_data("arbin_example.csv")))
    chunk = next(open_rows(shared_data("arbin_example.csv")).chunks())
    ours = zip(chunk["test_time"], chunk["current"], chunk["voltage"], strict=True)
    apart = []
    for time, *values in theirs[["test_time", "current", "voltage"]].to_numpy().tolist():
        same = next((row for row in ours if list(row[1:]) == values), None)
        assert same is not None, f"no row of ours is theirs at {time} s"
        apart.append(same[0] - time)
    assert len(apart) == 1626
    assert max(map(abs, apart)) < 1.0
