"""The seed paths answer as ROVI's own client expects, to the letter."""

import json

import msgpack
import pytest
from rest_framework.test import APIClient

from access.tokens import make_token
from datahub.models import Battery
from datahub.queries import records

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROWS = [{"test_time": 0.0, "voltage": 3.7, "state": "hold"}, {"test_time": 1.0, "voltage": 3.6, "state": "hold"}]


def post(client, path, body, content_type=None):
    """A body with the content type it has, or with none at all, as ROVI's client sends it."""
    extra = {} if content_type is None else {"CONTENT_TYPE": content_type}
    return client.generic("POST", path, body, content_type=content_type or "", **extra)


@pytest.fixture
def operator(client_as):
    return client_as("operator")


# --- register ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content_type", [None, "application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_battery_is_registered_whatever_the_content_type_says(operator, content_type):
    answer = post(operator, "/db/register", json.dumps({"name": "module 7/α"}), content_type)
    assert (answer.status_code, answer.content.decode()) == (200, '"module 7/α"')
    assert Battery.objects.get().metadata["name"] == "module 7/α"


def test_wrong_metadata_answers_422_with_the_field(operator):
    answer = post(operator, "/db/register", json.dumps({"name": 7}))
    assert answer.status_code == 422
    assert list(answer.json()["detail"]) == ["name"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_answers_422_with_a_sentence(operator, body):
    answer = post(operator, "/db/register", body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("The body ")


def test_a_viewer_may_not_register(client_as):
    answer = post(client_as("viewer"), "/db/register", json.dumps({"name": "x"}))
    assert answer.status_code == 403
    assert not Battery.objects.exists()


# --- upload --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content_type", [None, "application/json", "application/x-www-form-urlencoded"])
def test_a_json_list_is_stored_and_counted(operator, content_type):
    answer = post(operator, "/db/upload/a/b α", json.dumps(ROWS), content_type)
    assert (answer.status_code, answer.json()) == (200, 2)
    stored = records(Battery.objects.get(name="a/b α"))
    assert [(row["test_time"], row["voltage"], row["state"]) for row in stored] == [
        (0.0, 3.7, "hold"),
        (1.0, 3.6, "hold"),
    ]


def test_rows_that_are_there_already_count_too(operator):
    post(operator, "/db/upload/x", json.dumps(ROWS[:1]))
    assert post(operator, "/db/upload/x", json.dumps(ROWS)).json() == 2
    assert Battery.objects.get().rows == 2


def test_an_empty_list_is_no_rows_and_makes_no_battery(operator):
    assert post(operator, "/db/upload/x", "[]").json() == 0
    assert not Battery.objects.exists()


def test_nan_in_json_is_stored_as_null(operator):
    assert post(operator, "/db/upload/x", '[{"test_time": 0, "voltage": NaN}]').json() == 1
    assert records(Battery.objects.get())[0]["voltage"] is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/msgpack", msgpack.packb(ROWS)),
        ("application/x-msgpack; charset=binary", msgpack.packb({name: [r[name] for r in ROWS] for name in ROWS[0]})),
        ("application/json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]})),
        ("text/csv", "test_time,voltage,state\n0.0,3.7,hold\n1.0,3.6,hold\n"),
        ("text/csv; charset=utf-8", "Test Time / s;Voltage / mV;State\n0.0;3700;hold\n1.0;3600;hold\n"),
    ],
)
def test_other_forms_of_the_same_rows_are_the_same_rows(operator, content_type, body):
    post(operator, "/db/upload/x", json.dumps(ROWS))
    assert post(operator, "/db/upload/x", body, content_type).json() == 2
    battery = Battery.objects.get()
    assert (battery.rows, battery.repeated_rows) == (2, 2)


def test_digits_in_csv_are_text_where_the_column_is_one_of_text(operator):
    post(operator, "/db/upload/x", json.dumps([{"test_time": 0.0, "serial": "A1"}]))
    assert post(operator, "/db/upload/x", "test_time,serial\n1,0042\n", "text/csv").json() == 1
    assert records(Battery.objects.get())[1]["serial"] == "0042"


def test_a_bad_record_is_named_by_index_and_nothing_is_stored(operator):
    bad = [ROWS[0], {"test_time": 1.0, "voltage": "high"}, {"test_time": 2.0, "bad name": 1}]
    answer = post(operator, "/db/upload/x", json.dumps(bad))
    assert answer.status_code == 422
    assert [(each["index"], each["code"]) for each in answer.json()["detail"]] == [
        (1, "type_mismatch"), (2, "bad_column_name"),
    ]  # fmt: skip
    assert all(each["message"] for each in answer.json()["detail"])
    assert not Battery.objects.exists()


def test_partial_stores_the_good_ones_and_tells_of_each(operator):
    post(operator, "/db/upload/x", json.dumps(ROWS[:1]))
    answer = post(operator, "/db/upload/x?partial=1", json.dumps([*ROWS, {"test_time": 2.0, "voltage": [1]}]))
    assert answer.status_code == 200
    assert {**answer.json(), "rejected": answer.json()["rejected"][0]["code"]} == {
        "stored": 1, "repeated": 1, "rejected": "nested_value",
    }  # fmt: skip
    assert Battery.objects.get().rows == 2


@pytest.mark.parametrize("body", ["", "{", "3", '"rows"', "null"])
def test_a_body_that_holds_no_rows_answers_422(operator, body):
    assert post(operator, "/db/upload/x", body).status_code == 422
    assert not Battery.objects.exists()


def test_what_is_no_msgpack_answers_422(operator):
    answer = post(operator, "/db/upload/x", b"\xc1", "application/msgpack")
    assert (answer.status_code, answer.json()["detail"]) == (422, "The body is not one msgpack value.")


@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack", "text/csv"])
def test_a_body_past_the_limit_answers_413(operator, settings, content_type):
    settings.UPLOAD_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20
    answer = post(operator, "/db/upload/x", json.dumps(ROWS), content_type)
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "The body is larger than 20 bytes, as sent or unpacked.",
    )


@pytest.mark.parametrize("path", ["/db/register", "/db/upload/x"])
def test_get_answers_405(operator, path):
    assert operator.get(path).status_code == 405


def test_a_device_token_uploads_to_its_battery_and_does_nothing_else(user_with_role):
    owner = user_with_role("operator")
    _, secret = make_token(user=owner, name="logger", made_by=owner, battery_name="x")
    device = APIClient()
    device.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert post(device, "/db/upload/x", json.dumps(ROWS)).json() == 2
    assert post(device, "/db/upload/y", json.dumps(ROWS)).status_code == 403
    assert post(device, "/db/register", json.dumps({"name": "x"})).status_code == 403
    assert device.get("/db/stats").status_code == 403
    assert list(Battery.objects.values_list("name", flat=True)) == ["x"]


def test_credentials_in_the_url_are_http_basic(user_with_role):
    user_with_role("operator")
    client = APIClient(HTTP_AUTHORIZATION="Basic dGhlLW9wZXJhdG9yOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==")
    assert post(client, "/db/upload/x", json.dumps(ROWS)).json() == 2


def test_a_stranger_is_asked_who_he_is(client_as):
    answer = post(client_as(None), "/db/upload/x", json.dumps(ROWS))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="ROVI"')


def test_a_browser_session_needs_its_csrf_token(user_with_role):
    client = APIClient(enforce_csrf_checks=True)
    client.login(username=user_with_role("operator").username, password="correct horse battery")
    assert post(client, "/db/upload/x", json.dumps(ROWS), "application/json").status_code == 403
    assert post(client, "/db/upload/x", b"a=1", "application/x-www-form-urlencoded").status_code == 403
    assert not Battery.objects.exists()


# --- stats ---------------------------------------------------------------------------------------------------------
def test_stats_tell_what_there_is_of_each_battery(operator):
    post(operator, "/db/register", json.dumps({"name": "registered"}))
    post(operator, "/db/upload/sent", json.dumps([{"test_time": 0, "n": 1, "on": True, "state": "hold"}]))
    assert operator.get("/db/stats").json() == {
        "registered": {"has_metadata": True, "has_data": False, "has_estimator": False, "data_stats": None},
        "sent": {
            "has_metadata": False,
            "has_data": True,
            "has_estimator": False,
            "data_stats": {
                "rows": 1,
                "columns": {
                    "test_time": "DOUBLE PRECISION", "n": "BIGINT", "on": "BOOLEAN", "state": "TEXT",
                    "received": "DOUBLE PRECISION",
                },
            },
        },
    }  # fmt: skip


def test_stats_of_three_batteries_cost_the_queries_of_one(client_as, django_assert_num_queries):
    viewer = client_as("viewer")
    Battery.objects.create(name="a")
    viewer.get("/db/stats")
    with django_assert_num_queries(2):  # what rooms above hold, and the batteries
        viewer.get("/db/stats")
    Battery.objects.create(name="b")
    Battery.objects.create(name="c")
    with django_assert_num_queries(2):
        assert len(viewer.get("/db/stats").json()) == 3
