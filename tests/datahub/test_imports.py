"""A data file is read by a job and its rows are stored like any others."""

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from access.errors import Refused
from datahub.imports import running
from datahub.imports.requesting import request_import
from datahub.ingest.storing import store_records
from datahub.models import Battery, DataImport
from datahub.queries import records
from datahub.registration import delete_battery
from jobs.models import Job, State, Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def run_next():
    worker = Worker.objects.get_or_create(name="w", defaults={"heartbeat": timezone.now()})[0]
    run_job(claim_next_job(worker))
    return Job.objects.latest("id"), DataImport.objects.latest("id")


def csv(text, name="cell 9.csv"):
    return ContentFile(text.encode(), name)


def test_a_real_file_makes_its_battery_and_gives_it_its_metadata(shared_data):
    content = shared_data("example-camp-rpt.h5").read_bytes()
    request_import(ContentFile(content, "../../example.h5"))
    job, done = run_next()
    battery = Battery.objects.get()
    assert (battery.name, battery.rows) == ("CAMP_batch_B10A_cell_3", 185)
    assert battery.metadata["battery"]["nominal_capacity"] == 1.5
    assert records(battery)[0]["state"] == "charging"
    assert (done.battery, done.format, done.file_name) == (battery, "hdf5", "example.h5")
    assert (done.rows_in_file, done.rows_read, done.rows_stored) == (185, 185, 185)
    assert job.result == {"battery": battery.name, "read": 185, "stored": 185, "repeated": 0, "rejected": 0}


@pytest.mark.parametrize(
    ("file", "name"),
    [("cell 9.csv", "cell 9"), ("CX2-33_0.5-0.5C_d.csv", "CX2-33_0.5-0.5C_d"), ("cell_0.5C.BDF.csv", "cell_0.5C")],
)
def test_a_file_without_metadata_names_its_battery_by_its_own_name(file, name):
    request_import(csv("test_time,voltage\n0,3.5\n", file))
    run_next()
    assert [(b.name, b.rows) for b in Battery.objects.all()] == [(name, 1)]


def test_importing_twice_stores_once_and_says_so():
    battery = Battery.objects.create(name="x")
    for _ in range(2):
        request_import(csv("test_time,voltage\n0,3.5\n1,3.4\n"), battery=battery)
        _, done = run_next()
    assert (done.rows_read, done.rows_stored, done.rows_repeated) == (2, 0, 2)
    assert Battery.objects.get().rows == 2


def test_refused_rows_are_listed_by_their_place_in_the_file(monkeypatch):
    monkeypatch.setattr("datahub.readers.apart.RowsReadApart.chunks.__defaults__", (2,))
    Battery.objects.create(name="x")
    battery = Battery.objects.get()
    request_import(csv("test_time,n\n0,1\n1,2\n2,3\n3,x\n"), battery=battery)
    from datahub.ingest import store_records

    store_records("x", [{"test_time": 9.0, "n": 1}])
    _, done = run_next()
    # A column that holds text anywhere is text everywhere; the battery's is one of integers.
    assert (done.rows_stored, done.rows_rejected) == (0, 4)
    assert [each["index"] for each in done.first_rejections] == [0, 1, 2, 3]
    assert done.first_rejections[3]["code"] == "type_mismatch"


def test_a_file_that_cannot_be_read_fails_with_its_sentence_and_makes_nothing():
    request_import(csv("", "empty.csv"))
    job, done = run_next()
    assert (job.state, job.error) == (State.FAILED, "The CSV is empty. Its first line names the columns.")
    assert done.error == "The CSV is empty."
    assert not Battery.objects.exists()


def test_a_cancelled_import_keeps_what_it_stored_and_goes_on_when_retried(monkeypatch):
    class Report:
        calls = 0

        def log(self, line):
            pass

        def progress(self, fraction, message=""):
            self.calls += 1
            if self.calls == 2:
                raise Refused("cancelled")

    monkeypatch.setattr("datahub.readers.apart.RowsReadApart.chunks.__defaults__", (2,))
    wanted = request_import(csv("test_time\n0\n1\n2\n3\n"), battery=Battery.objects.create(name="x"))
    with pytest.raises(Refused):
        running.run_import(wanted, Report())
    assert Battery.objects.get().rows == 2
    _, done = run_next()
    assert (done.rows_stored, done.rows_repeated, Battery.objects.get().rows) == (4, 0, 4)
    assert Battery.objects.get().finished_at is not None  # all of its rows are in the file


def test_what_the_first_try_stored_counts_at_the_third():
    class Report:
        """Of a worker that is lost at once, or once all is stored and nothing but the end is to be written."""

        def __init__(self, last_line):
            self.last_line = last_line

        def progress(self, fraction, message=""):
            pass

        def log(self, line):
            if self.last_line in line:
                raise ConnectionError

    wanted = request_import(csv("test_time\n0\n1\n1\n3\n"), battery=Battery.objects.create(name="x"))
    for last_line in ("rows stored", "columns"):
        with pytest.raises(ConnectionError):
            running.run_import(DataImport.objects.get(pk=wanted.pk), Report(last_line))
    job, done = run_next()
    assert (done.rows_stored, done.rows_repeated, done.rows_read) == (3, 1, 4)
    assert job.result == {"battery": "x", "read": 4, "stored": 3, "repeated": 1, "rejected": 0}
    assert Battery.objects.get().finished_at is not None


def test_a_battery_deleted_while_its_file_is_read_is_not_made_again(monkeypatch):
    battery = Battery.objects.create(name="x")
    wanted = request_import(csv("test_time\n" + "\n".join(map(str, range(6)))), battery=battery)
    rows_of = running.open_rows_apart

    def deleting_after_one_chunk(*arguments):
        rows = rows_of(*arguments)
        chunks = rows.chunks(2)
        monkeypatch.setattr(rows, "chunks", lambda: with_deletion(chunks))
        return rows

    def with_deletion(chunks):
        yield next(chunks)
        delete_battery(battery)
        yield from chunks

    monkeypatch.setattr(running, "open_rows_apart", deleting_after_one_chunk)
    worker = Worker.objects.create(name="w", heartbeat=timezone.now())
    run_job(claim_next_job(worker))
    job = Job.objects.get()
    assert (job.state, job.error.split(",")[0]) == (State.FAILED, "Battery 'x'")
    assert "was deleted meanwhile" in job.error
    assert not Battery.objects.exists()
    assert not DataImport.objects.filter(pk=wanted.pk).exists()


def test_metadata_that_the_battery_has_is_not_overwritten(shared_data):
    battery = Battery.objects.create(name="x", metadata={"name": "x"})
    request_import(ContentFile(shared_data("example-camp-rpt.h5").read_bytes(), "a.h5"), battery=battery)
    run_next()
    assert Battery.objects.get().metadata == {"name": "x"}


def test_the_file_goes_with_its_record(django_capture_on_commit_callbacks):
    wanted = request_import(csv("test_time\n0\n"), battery=Battery.objects.create(name="x"))
    storage, name = wanted.file.storage, wanted.file.name
    assert name.startswith("imports/")
    with django_capture_on_commit_callbacks(execute=True):
        wanted.delete()
    assert not storage.exists(name)


def test_rest_takes_a_file_and_answers_with_its_job(client_as):
    battery = Battery.objects.create(name="x")
    client = client_as("operator")
    answer = client.post(
        f"/api/v1/batteries/{battery.pk}/imports/", {"file": csv("test_time\n0\n")}, format="multipart"
    )
    assert (answer.status_code, answer.json()["state"], answer.json()["battery"]) == (202, "queued", "x")
    run_next()
    found = client.get(f"/api/v1/imports/{answer.json()['id']}/").json()
    assert (found["state"], found["rows_stored"], found["requested_by"]) == ("done", 1, "the-operator")


def test_a_viewer_imports_nothing(client_as):
    answer = client_as("viewer").post("/api/v1/imports/", {"file": csv("test_time\n0\n")}, format="multipart")
    assert answer.status_code == 403
    assert not DataImport.objects.exists()


def test_a_battery_that_a_file_made_is_finished_and_silence_is_no_alarm():
    request_import(csv("test_time,voltage\n0,3.5\n1,3.4\n"))
    run_next()
    assert Battery.objects.get().finished_at is not None


def test_a_file_added_to_a_battery_that_sends_does_not_end_its_test():
    store_records("x", [{"test_time": 5.0, "voltage": 3.5}])
    request_import(csv("test_time,voltage\n0,3.5\n1,3.4\n"), battery=Battery.objects.get())
    run_next()
    assert Battery.objects.get().finished_at is None


def test_a_battery_that_begins_to_send_during_its_import_is_not_finished(monkeypatch):
    def store_and_send(name, columns, **options):
        store_records(name, [{"test_time": 5.0, "voltage": 3.5}])
        return store_columns(name, columns, **options)

    store_columns = running.store_columns
    monkeypatch.setattr(running, "store_columns", store_and_send)
    request_import(csv("test_time,voltage\n0,3.5\n1,3.4\n"), battery=Battery.objects.create(name="x"))
    run_next()
    assert (Battery.objects.get().rows, Battery.objects.get().finished_at) == (3, None)
