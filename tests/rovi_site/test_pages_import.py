"""The pages on which files come in and go out."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from datahub.ingest import store_records
from datahub.models import Battery, DataImport
from datahub.registration import register_battery
from jobs.models import Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data_folder")]
FILE = b"t (min),I / mA,U\n0,-1000,3.6\n1,-1000,3.7\n"


def work():
    run_job(claim_next_job(Worker.objects.get_or_create(name="w", defaults={"heartbeat": timezone.now()})[0]))


def text_of(answer):
    return answer.content.decode()


def body_of(answer):
    return b"".join(answer.streaming_content)


def test_a_file_is_looked_at_mapped_stored_and_undone_without_leaving_the_page(session):
    client = session("administrator")
    answer = client.post("/import", {"file": SimpleUploadedFile("bench.csv", FILE), "battery": ""})
    assert answer.status_code == 302
    page = answer["Location"]
    work()
    shown = text_of(client.get(page))
    assert "There is no column current: without it no health is estimated." in shown
    assert 'name="name-1" value="i_ma"' in shown
    assert not Battery.objects.exists()

    sent = {
        "name-0": "test_time", "conversion-0": "minutes", "name-1": "current", "conversion-1": "reverse_milli",
        "name-2": "voltage", "conversion-2": "",
    }  # fmt: skip
    wrong = client.post(page, {**sent, "name-1": "a b"})
    assert wrong.status_code == 422
    assert "is no name of a column" in text_of(wrong)
    assert 'value="minutes" selected' in text_of(wrong)
    assert client.post(page, sent).status_code == 302
    work()
    shown = text_of(client.get(page))
    assert "2 rows stored, 0 were there already, 0 refused" in shown
    assert "Deletes bench with its 2 rows" in shown
    assert client.post(f"{page}/undo").status_code == 302
    assert "Undone: its rows are gone." in text_of(client.get(page))
    assert not Battery.objects.exists()
    assert "bench.csv" in text_of(client.get("/import"))


def test_a_file_for_a_battery_that_is_not_there_is_refused_at_its_field(session):
    answer = session("operator").post("/import", {"file": SimpleUploadedFile("a.csv", FILE), "battery": "nowhere"})
    assert answer.status_code == 422
    assert "There is no battery &#x27;nowhere&#x27;." in text_of(answer)
    assert not DataImport.objects.exists()


def test_a_viewer_sees_imports_and_cannot_make_one(session, furnished):
    client = session("viewer")
    assert "Look at the file" not in text_of(client.get("/import"))
    assert client.post("/import", {"file": SimpleUploadedFile("a.csv", FILE)}).status_code == 403
    assert client.get(f"/import/{furnished.data_import.pk}").status_code == 200


def test_rows_are_exported_of_one_battery_a_window_or_a_fleet(session):
    for name in ("cell 1", "cell 2", "pack"):
        store_records(name, [{"test_time": float(k), "voltage": 3.7} for k in range(5)])
    client = session("viewer")
    one = client.get("/export", {"what": "rows", "batteries": "cell 1", "format": "bdf", "start": "2", "end": "4"})
    lines = body_of(one).decode().splitlines()
    assert lines[0].startswith("test_time_second,voltage_volt")
    assert [line.split(",")[0] for line in lines[1:]] == ["2.0", "3.0"]
    many = client.get("/export", {"what": "rows", "search": "cell", "format": "csv"})
    with zipfile.ZipFile(io.BytesIO(body_of(many))) as archive:
        assert [name.partition("_")[2] for name in archive.namelist()] == ["cell_1.csv", "cell_2.csv"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"what": "rows", "batteries": "nowhere"}, "There is no battery nowhere."),
        ({"what": "rows", "search": "nothing"}, "No battery is called so."),
        ({"what": "estimates", "format": "hdf5"}, "are had as CSV or Parquet."),
        ({"what": "rows", "start": "4", "end": "2"}, "It ends before it begins."),
    ],
)
def test_an_export_that_cannot_be_is_refused_at_its_field(asked, why, session):
    register_battery(None, name="cell")
    answer = session("viewer").get("/export", {"format": "csv", **asked})
    assert answer.status_code == 422
    assert why in text_of(answer)


def test_estimates_forecasts_and_the_passport_come_out(session, furnished):
    client = session("viewer")
    lone = register_battery(None, name="lone")
    names = f"{furnished.battery.name}\n{lone.name}"
    for what, column in (("estimates", "soc_sd"), ("forecasts", "q_t__base_values")):
        answer = client.get("/export", {"what": what, "batteries": names, "format": "csv"})
        with zipfile.ZipFile(io.BytesIO(body_of(answer))) as archive:
            assert archive.read("README.txt").decode() == f"There are no {what} of: lone.\n"
            assert column in archive.read(archive.namelist()[0]).decode().splitlines()[0]
    passport = json.loads(body_of(client.get("/export", {"what": "passport", "batteries": furnished.battery.name})))
    assert passport["identity"]["battery"] == furnished.battery.name
    assert passport == {
        **client.get(f"/api/v1/batteries/{furnished.battery.pk}/passport/").json(),
        "made": passport["made"],
    }
    assert passport["health"]["source"]["version"] == furnished.estimator.version
    assert passport["rows"]["stored"] == furnished.battery.rows
    low, high = passport["health"]["soh_band_95"]
    assert low < passport["health"]["soh"] < high
    shown = text_of(client.get(f"/passport/{furnished.battery.name}"))
    assert f"{100 * passport['health']['soh']:.1f} %" in shown
    assert client.get("/passport/lone").status_code == 200
    assert client.get("/passport/nobody").status_code == 404
