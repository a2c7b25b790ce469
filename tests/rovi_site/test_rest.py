"""What every REST answer has: entity tags, idempotency keys, chosen fields, Location."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from access import kept_answers
from access.models import KeptAnswer, Token
from access.tokens import make_token
from datahub.ingest import store_records
from datahub.models import Battery, DataImport
from datahub.registration import register_battery
from jobs.models import Job
from rovi_site.housekeeping import delete_what_is_old

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
ALL_APPS = [config.name for config in apps.get_app_configs()]
BATTERIES = "/api/v1/batteries/"


@pytest.fixture
def operator(client_as):
    return client_as("operator")


@pytest.fixture
def battery():
    return register_battery(None, name="cell", description="as new")


# --- entity tags -----------------------------------------------------------------------------------------------------
def test_what_was_read_before_is_answered_by_304_until_it_changes(operator, battery):
    for path in (BATTERIES, f"{BATTERIES}{battery.pk}/"):
        first = operator.get(path)
        assert first["Cache-Control"] == "private, no-cache"
        again = operator.get(path, headers={"if-none-match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        store_records("cell", [{"test_time": float(hash(path) % 1000), "voltage": 3.7}])
        changed = operator.get(path, headers={"if-none-match": first["ETag"]})
        assert changed.status_code == 200
        assert changed["ETag"] != first["ETag"]


def test_time_alone_changes_no_tag(operator, battery):
    store_records("cell", [{"test_time": 0.0, "voltage": 3.7}])
    path = f"{BATTERIES}{battery.pk}/"
    first, second = operator.get(path), operator.get(path)
    assert first.json()["state"]["age"] != second.json()["state"]["age"]
    assert first["ETag"] == second["ETag"]


def test_a_change_is_made_only_of_what_was_read(operator, battery):
    path = f"{BATTERIES}{battery.pk}/"
    read = operator.get(path)["ETag"]
    store_records("cell", [{"test_time": 0.0, "voltage": 3.7}])  # rows are no change that anybody overwrites
    mine = operator.patch(path, {"description": "mine"}, format="json", headers={"if-match": read})
    assert mine.status_code == 200
    assert mine["ETag"] == operator.get(path)["ETag"]
    theirs = operator.patch(path, {"description": "theirs"}, format="json", headers={"if-match": read})
    assert theirs.status_code == 412
    assert theirs.json()["error"]["code"] == "has_changed"
    assert Battery.objects.get().description == "mine"
    for good in ("*", f'"other.tag", {mine["ETag"]}'):
        assert (
            operator.patch(path, {"description": "mine"}, format="json", headers={"if-match": good}).status_code == 200
        )


def test_what_changed_since_it_was_read_is_not_deleted(client_as, battery):
    administrator = client_as("administrator")
    path = f"{BATTERIES}{battery.pk}/?confirm=cell"
    read = administrator.get(path)["ETag"]
    Battery.objects.update(description="somebody else's words")
    assert administrator.delete(path, headers={"if-match": read}).status_code == 412
    assert administrator.delete(path, headers={"if-match": administrator.get(path)["ETag"]}).status_code == 204
    assert not Battery.objects.exists()


# --- chosen fields ---------------------------------------------------------------------------------------------------
def test_only_the_fields_asked_for_are_answered(operator, battery):
    listed = operator.get(BATTERIES, {"fields": "name, rows"}).json()
    assert listed["results"] == [{"name": "cell", "rows": 0}]
    assert operator.get(f"{BATTERIES}{battery.pk}/", {"fields": "state"}).json().keys() == {"state"}
    refused = operator.get(BATTERIES, {"fields": "name,colour"})
    assert refused.status_code == 400
    assert "no field colour here; there are id, name," in refused.json()["error"]["fields"]["fields"][0]


# --- idempotency keys ------------------------------------------------------------------------------------------------
def ask(client, key, body=None, path=BATTERIES):
    return client.post(path, body or {"name": "new"}, format="json", headers={"idempotency-key": key})


def test_what_is_asked_twice_is_done_once_and_answered_twice(operator):
    first, second = ask(operator, "k1"), ask(operator, "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second["Location"] == first["Location"] == f"{BATTERIES}{first.json()['id']}/"
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert ask(operator, "k2").status_code == 409  # one of this name exists: it was asked anew


def test_the_key_of_another_request_is_422(operator):
    ask(operator, "k1")
    other = ask(operator, "k1", {"name": "another"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert [battery.name for battery in Battery.objects.all()] == ["new"]


def test_what_is_under_way_is_409_and_taken_over_when_it_was_given_up(operator):
    ask(operator, "k1")
    KeptAnswer.objects.update(status=None, body=None)
    Battery.objects.all().delete()
    refused = ask(operator, "k1")
    assert (refused.status_code, refused["Retry-After"]) == (409, "1")
    assert refused.json()["error"]["code"] == "request_under_way"
    KeptAnswer.objects.update(taken=timezone.now() - kept_answers.GIVEN_UP - timedelta(seconds=1))
    assert ask(operator, "k1").status_code == 201


def test_a_refusal_did_nothing_so_its_key_is_free(operator):
    refused = ask(operator, "k1", {"name": ""})
    assert refused.status_code in (400, 422)
    assert ask(operator, "k1").status_code == 201


def test_keys_belong_to_who_sent_them(client_as, user_with_role):
    user = user_with_role("operator")
    clients = [APIClient(headers={"authorization": f"Bearer {secret}"}) for secret in _secrets(user, 2)]
    assert [ask(client, "k1").status_code for client in clients] == [201, 409]
    assert {owner.partition(":")[0] for owner in KeptAnswer.objects.values_list("owner", flat=True)} == {"token"}


def _secrets(user, count):
    return [make_token(user=user, name=f"t{number}", made_by=user)[1] for number in range(count)]


@pytest.mark.parametrize("key", ["", "k" * 201, "ключ"])
def test_a_key_is_short_plain_text(operator, key):
    refused = ask(operator, key.encode().decode("latin-1"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_idempotency_key")


def test_a_secret_is_not_kept(operator):
    first = ask(operator, "k1", {"name": "mine"}, "/api/v1/tokens/")
    second = ask(operator, "k1", {"name": "mine"}, "/api/v1/tokens/")
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["error"]["code"] == "answer_not_kept"
    assert KeptAnswer.objects.get().body is None
    assert Token.objects.count() == 1


def test_a_file_sent_twice_is_imported_once(operator, own_data_folder):
    def send(content):
        file = SimpleUploadedFile("cell.csv", content)
        return operator.post("/api/v1/imports/", {"file": file}, headers={"idempotency-key": "k1"})

    first, second = send(b"test_time,voltage\n0,3.7\n"), send(b"test_time,voltage\n0,3.7\n")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second["Location"] == first["Location"] == f"/api/v1/jobs/{Job.objects.get().pk}/"
    assert DataImport.objects.get().file.read() == b"test_time,voltage\n0,3.7\n"
    assert send(b"test_time,voltage\n0,3.8\n").status_code == 422


def test_answers_are_kept_for_a_day(operator):
    ask(operator, "k1")
    assert delete_what_is_old() == 0
    KeptAnswer.objects.update(taken=timezone.now() - timedelta(hours=23, minutes=59))
    assert ask(operator, "k1")["Idempotency-Replayed"] == "true"
    KeptAnswer.objects.update(taken=timezone.now() - timedelta(hours=24, seconds=1))
    assert ask(operator, "k1").status_code == 409  # a new request, and the battery is there
    KeptAnswer.objects.create(owner="user:1", key="old", digest="", taken=timezone.now() - timedelta(hours=25))
    assert delete_what_is_old() == 1


@pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)
def test_of_many_at_once_one_is_carried_out(user_with_role):
    """On SQLite one after another, for the tests' database lies in memory, which has one writer."""
    user = user_with_role("operator")
    secret = _secrets(user, 1)[0]
    answers, start = [], threading.Barrier(8)

    def ask_anew():
        answers.append(ask(APIClient(headers={"authorization": f"Bearer {secret}"}), "k1"))

    def send():
        start.wait()
        try:
            ask_anew()
        finally:
            connection.close()

    if connection.vendor == "postgresql":
        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for _ in range(8):
            ask_anew()
    assert Battery.objects.count() == 1
    done = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert [answer.get("Idempotency-Replayed") for answer in done].count(None) == 1
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} <= {"request_under_way"}
