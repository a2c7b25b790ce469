"""Batteries and their rows over REST."""

import io
import json

import pytest

from access.tokens import make_token
from datahub.ingest import store_records
from datahub.models import Battery

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def rows_of(count):
    return [{"test_time": float(i), "voltage": 3.5 + i / 1000, "n": i, "state": "hold"} for i in range(count)]


@pytest.fixture
def battery():
    store_records("cell 3", rows_of(10))
    return Battery.objects.get()


def path_of(battery, tail=""):
    return f"/api/v1/batteries/{battery.pk}/{tail}"


# --- the record ----------------------------------------------------------------------------------------------------
def test_a_battery_is_created_read_and_changed(client_as):
    client = client_as("operator")
    made = client.post("/api/v1/batteries/", {"metadata": {"name": "x", "comments": "c"}}, format="json")
    assert (made.status_code, made.json()["name"], made.json()["state"]["code"]) == (201, "x", "never")
    path = f"/api/v1/batteries/{made.json()['id']}/"
    changed = client.patch(path, {"description": "a cell", "finished": True}, format="json").json()
    assert (changed["description"], changed["finished"], changed["metadata"]["comments"]) == ("a cell", True, "c")
    assert client.patch(path, {"finished": False}, format="json").json()["finished_at"] is None


def test_a_name_is_taken_once_and_never_changed(client_as, battery):
    client = client_as("operator")
    again = client.post("/api/v1/batteries/", {"name": "cell 3"}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    client.patch(path_of(battery), {"name": "other"}, format="json")
    assert Battery.objects.get().name == "cell 3"


def test_wrong_metadata_is_refused_by_field(client_as, battery):
    answer = client_as("operator").patch(path_of(battery), {"metadata": {"name": []}}, format="json")
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"name": ["Input should be a valid string"]}


def test_counters_cannot_be_written(client_as, battery):
    client_as("operator").patch(path_of(battery), {"rows": 0, "columns": {}, "last_test_time": 0}, format="json")
    assert Battery.objects.get().rows == 10


def test_a_viewer_reads_and_changes_nothing(client_as, battery):
    viewer = client_as("viewer")
    found = viewer.get(path_of(battery)).json()
    assert (found["rows"], found["columns"]["voltage"]) == (10, {"kind": "float", "unit": "V"})
    assert viewer.patch(path_of(battery), {"description": "mine"}, format="json").status_code == 403
    assert viewer.post("/api/v1/batteries/", {"name": "y"}, format="json").status_code == 403


def test_deleting_takes_an_administrator_and_the_name_once_more(client_as, battery):
    assert client_as("operator").delete(path_of(battery) + "?confirm=cell 3").status_code == 403
    client = client_as("administrator")
    refused = client.delete(path_of(battery))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_confirmed")
    assert refused.json()["error"]["message"] == "Deleting 'cell 3' would lose 10 rows, for good."
    assert client.delete(path_of(battery) + "?confirm=cell 3").status_code == 204
    assert not Battery.objects.exists()


def test_batteries_are_filtered_searched_and_ordered(client_as, battery):
    Battery.objects.create(name="pack", is_simulated=True, description="in the yard")
    viewer = client_as("viewer")

    def names(query):
        return [each["name"] for each in viewer.get(f"/api/v1/batteries/?{query}").json()["results"]]

    assert names("is_simulated=true") == ["pack"]
    assert names("search=yard") == ["pack"]
    assert names("name=cell 3") == ["cell 3"]
    assert names("rows__gte=1") == ["cell 3"]
    assert names("ordering=-rows") == ["cell 3", "pack"]


def test_a_list_of_three_costs_the_queries_of_one(client_as, django_assert_num_queries):
    viewer = client_as("viewer")
    Battery.objects.create(name="a")
    viewer.get("/api/v1/batteries/")
    with django_assert_num_queries(2):
        viewer.get("/api/v1/batteries/")
    Battery.objects.create(name="b")
    Battery.objects.create(name="c")
    with django_assert_num_queries(2):
        assert viewer.get("/api/v1/batteries/").json()["count"] == 3


# --- rows ----------------------------------------------------------------------------------------------------------
def test_rows_are_paged_by_their_cursor(client_as, battery):
    viewer = client_as("viewer")
    first = viewer.get(path_of(battery, "rows/?limit=6&columns=n")).json()
    assert [row["n"] for row in first["results"]] == [0, 1, 2, 3, 4, 5]
    rest = viewer.get(path_of(battery, f"rows/?limit=6&columns=n&after={first['next_after']}")).json()
    assert [row["n"] for row in rest["results"]] == [6, 7, 8, 9]
    assert rest["next_after"] is None


def test_a_window_is_half_open(client_as, battery):
    found = client_as("viewer").get(path_of(battery, "rows/?start=2&end=4&columns=n")).json()
    assert [row["n"] for row in found["results"]] == [2, 3]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=soon", "start"),
        ("end=nan", "end"),
        ("limit=0", "limit"),
        ("limit=1000000", "limit"),
        ("after=-1", "after"),
    ],
)
def test_a_window_that_cannot_be_is_refused_by_field(client_as, battery, query, field):
    answer = client_as("viewer").get(path_of(battery, f"rows/?{query}"))
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])


def test_a_column_that_is_not_there_is_refused_with_those_that_are(client_as, battery):
    answer = client_as("viewer").get(path_of(battery, "rows/?columns=volts"))
    assert answer.json()["error"]["message"] == "Battery 'cell 3' has no column 'volts'."
    assert "voltage" in answer.json()["error"]["hint"]


@pytest.mark.parametrize("how", [{"query": "?format=csv"}, {"query": "", "HTTP_ACCEPT": "text/csv"}])
def test_rows_are_had_as_csv_by_parameter_or_by_header(client_as, battery, how):
    query = how.pop("query")
    answer = client_as("viewer").get(path_of(battery, f"rows/{query}"), {} if not query else None, **how)
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="cell_3.csv"'
    header, *rows = [line.split(",") for line in lines]
    assert (header[0], header[-1]) == ("test_time", "received")  # PostgreSQL keeps no order of the others
    first = dict(zip(header, rows[0], strict=True))
    assert [first[name] for name in ("test_time", "voltage", "n", "state")] == ["0.0", "3.5", "0", "hold"]
    assert len(rows) == 10


def test_csv_that_was_downloaded_and_sent_back_is_the_same_rows(client_as, battery):
    client = client_as("operator")
    text = b"".join(client.get(path_of(battery, "rows/?format=csv")).streaming_content)
    answer = client.post(path_of(battery, "rows/"), text, content_type="text/csv")
    assert answer.json() == {"stored": 0, "repeated": 10, "rejected": []}


def test_parquet_holds_a_window_with_kinds_and_metadata(client_as, battery):
    import pyarrow.parquet as pq

    answer = client_as("viewer").get(path_of(battery, "rows/?format=parquet&start=8&columns=n,state"))
    table = pq.read_table(io.BytesIO(b"".join(answer.streaming_content)))
    assert table.select(["n", "state"]).to_pydict() == {"n": [8, 9], "state": ["hold", "hold"]}
    assert json.loads(table.schema.metadata[b"battery_metadata"]) == {"name": "cell 3"}


def test_hdf5_opens_in_the_toolkit(client_as, battery, tmp_path):
    from battdat.data import BatteryDataset

    answer = client_as("viewer").get(path_of(battery, "rows/?format=hdf5"))
    path = tmp_path / "x.h5"
    path.write_bytes(b"".join(answer.streaming_content))
    dataset = BatteryDataset.from_hdf(path)
    assert dataset.metadata.name == "cell 3"
    assert list(dataset.tables["raw_data"]["n"]) == list(range(10))


@pytest.mark.parametrize("query", ["format=xml", "format=csv&columns=volts"])
def test_a_refusal_is_json_whatever_the_rows_would_have_been(client_as, battery, query):
    answer = client_as("viewer").get(path_of(battery, f"rows/?{query}"))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer.json()["error"]["code"] in ("unknown_format", "no_such_column")


def test_rows_are_posted_and_a_bad_record_stops_them_all(client_as, battery):
    client = client_as("operator")
    good, bad = {"test_time": 11.0, "voltage": 3.0}, {"test_time": 12.0, "voltage": "high"}
    refused = client.post(path_of(battery, "rows/"), [good, bad], format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "records_refused")
    assert Battery.objects.get().rows == 10
    partial = client.post(path_of(battery, "rows/?partial=1"), [good, bad], format="json").json()
    assert (partial["stored"], partial["rejected"][0]["index"]) == (1, 1)


def test_a_device_token_posts_rows_to_its_battery_alone_and_reads_none(user_with_role, battery):
    from rest_framework.test import APIClient

    other = Battery.objects.create(name="other")
    owner = user_with_role("operator")
    _, secret = make_token(user=owner, name="logger", made_by=owner, battery_name="cell 3")
    device = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert device.post(path_of(battery, "rows/"), [{"test_time": 50.0}], format="json").json()["stored"] == 1
    assert device.post(path_of(other, "rows/"), [{"test_time": 50.0}], format="json").status_code == 403
    assert device.get(path_of(battery, "rows/")).status_code == 403


def test_a_stranger_posts_no_rows(client_as, battery):
    assert client_as(None).post(path_of(battery, "rows/"), [{"test_time": 50.0}], format="json").status_code == 401
    assert Battery.objects.get().rows == 10


def test_a_chart_has_no_more_points_than_asked_for(client_as):
    store_records("long", rows_of(5000))
    answer = client_as("viewer").get(path_of(Battery.objects.get(), "rows/chart/?columns=voltage&points=100")).json()
    assert (answer["rows"], answer["units"]) == (5000, {"voltage": "V"})
    assert len(answer["columns"]["voltage"]["test_time"]) == 100


# --- truth ---------------------------------------------------------------------------------------------------------
def test_truth_is_stored_once_a_moment_and_read_by_window(client_as, battery):
    client = client_as("operator")
    told = [{"test_time": t, "true_soc": 0.5, "true_capacity": 2.5, "true_r0": 0.03} for t in (0.0, 1.0, 2.0)]
    assert client.post(path_of(battery, "truth/"), told, format="json").json() == {"stored": 3}
    assert client.post(path_of(battery, "truth/"), told, format="json").json() == {"stored": 0}
    assert client.get(path_of(battery, "truth/?start=1&end=2")).json() == told[1:2]
    assert [each["test_time"] for each in client.get(path_of(battery, "truth/?limit=2")).json()] == [0.0, 2.0]


@pytest.mark.parametrize("wrong", ["x", "nan", None])
def test_truth_that_is_no_number_is_refused_by_its_place(client_as, battery, wrong):
    good = {"test_time": 0.0, "true_soc": 0.5, "true_capacity": 2.5, "true_r0": 0.03}
    answer = client_as("operator").post(path_of(battery, "truth/"), [good, {**good, "true_r0": wrong}], format="json")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["1"]
    assert not battery.truths.exists()


def test_the_loss_names_what_rooms_above_keep(client_as, battery):
    from twin.registration import register_estimator

    register_estimator(battery_name="cell 3", kind="joint_ukf", preset="nmc")
    refused = client_as("administrator").delete(path_of(battery))
    assert refused.json()["error"]["message"] == "Deleting 'cell 3' would lose 10 rows and 1 estimator, for good."
