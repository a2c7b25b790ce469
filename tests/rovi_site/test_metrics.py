import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from datahub.ingest import store_records
from datahub.models import Battery
from jobs.models import Job, Worker
from jobs.queue import enqueue
from rovi_site.observing import collecting
from rovi_site.observing.requests import SECONDS
from twin.models import Estimator, EstimatorProgress

pytestmark = pytest.mark.django_db

ROWS = [{"test_time": float(k), "current": 1.0, "voltage": 3.7} for k in range(5)]


def estimated(battery: str, **progress) -> Estimator:
    estimator = Estimator.objects.create(
        battery=Battery.objects.get(name=battery), version=1, kind="joint_ukf", is_current=True
    )
    EstimatorProgress.objects.create(estimator=estimator, **progress)
    return estimator


def told(client) -> dict[tuple[str, tuple], float]:
    """Sample by (name, label values in their order)."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (each.name, tuple(sorted(each.labels.values()))): each.value for family in families for each in family.samples
    }


@pytest.fixture
def prometheus(settings):
    settings.METRICS_TOKEN = "a token of thirty-two characters"
    SECONDS.clear()  # of thousands of requests that tests before have made; one has come since
    Client().get("/healthz/live")
    return Client(headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})


@pytest.mark.postgres
def test_it_tells_what_the_database_knows(prometheus):
    store_records("a", [*ROWS, {"test_time": "soon"}, ROWS[0]], partial=True)
    estimator = estimated("a", rows_seen=2, rows_stepped=1, is_inconsistent=True)
    Worker.objects.create(name="w", heartbeat=timezone.now(), tallies={"killed": 2})
    Worker.objects.create(name="v", heartbeat=timezone.now(), stopped=timezone.now(), tallies={"killed": 1})
    Job.objects.create(kind="fit_cell", created=timezone.now())

    found = told(prometheus)

    wanted = {
        ("rovi_database_up", ()): 1,
        ("rovi_batteries", ()): 1,
        ("rovi_rows", ()): 5,
        ("rovi_rows_repeated", ()): 1,
        ("rovi_rows_refused", ()): 1,
        ("rovi_estimators", ("joint_ukf", "waiting")): 1,
        ("rovi_estimators_inconsistent", ()): 1,
        ("rovi_estimates", ()): 1,
        ("rovi_rows_behind", (str(estimator.battery_id % settings.SHARDS),)): 3,
        ("rovi_jobs", ("fit_cell", "queued")): 1,
        ("rovi_workers", ()): 1,
        ("rovi_script_ends_total", ("killed",)): 3,
    }
    assert {key: found.get(key) for key in wanted} == wanted


def test_rows_are_counted_when_they_are_committed(prometheus, django_capture_on_commit_callbacks):
    before = told(prometheus)
    with django_capture_on_commit_callbacks(execute=True):
        store_records("a", [*ROWS, {"test_time": "soon"}, ROWS[0]], partial=True)
        assert (
            told(prometheus)["rovi_rows_handled_total", ("stored",)] == before["rovi_rows_handled_total", ("stored",)]
        )
    after = told(prometheus)

    def more(outcome):
        key = ("rovi_rows_handled_total", (outcome,))
        return after[key] - before[key]

    assert (more("stored"), more("repeated"), more("refused")) == (5, 1, 1)


def test_a_request_is_counted_by_its_view(prometheus):
    key = ("rovi_http_request_seconds_count", ("200", "GET", "health-live"))
    before = told(prometheus).get(key, 0)
    Client().get("/healthz/live")

    assert told(prometheus)[key] == before + 1


@pytest.mark.parametrize("batteries", [1, 40])
def test_a_scrape_asks_a_number_of_queries_that_does_not_grow(prometheus, django_assert_max_num_queries, batteries):
    for number in range(batteries):
        store_records(f"battery {number}", ROWS[:1])
        estimated(f"battery {number}")
    with django_assert_max_num_queries(10):
        told(prometheus)


def test_without_its_database_it_says_so_and_tells_the_rest(prometheus, monkeypatch):
    def gone():
        raise DatabaseError("gone")

    monkeypatch.setattr(collecting, "fleet_totals", gone)
    found = told(prometheus)

    assert found["rovi_database_up", ()] == 0
    assert ("rovi_batteries", ()) not in found
    assert found["rovi_disk_free_bytes", ()] > 0


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer wrong", "Bearer ", "Basic bm9ib2R5OndoYXRldmVy", "bearer a token of thirty-two characterz"],
)
def test_strangers_read_nothing(settings, authorization):
    settings.METRICS_TOKEN = "a token of thirty-two characters"
    answer = Client(headers={"Authorization": authorization} if authorization else {}).get("/metrics")

    assert answer.status_code == 401
    assert b"rovi_" not in answer.content


def test_wrong_tokens_wait_and_the_right_one_does_not(prometheus):
    stranger = Client(headers={"Authorization": "Bearer wrong"})
    told = [stranger.get("/metrics").status_code for _ in range(6)]
    assert told == [401] * 5 + [429]
    assert int(stranger.get("/metrics").headers["Retry-After"]) > 0
    assert prometheus.get("/metrics").status_code == 200


def test_an_empty_token_opens_nothing(settings):
    settings.METRICS_TOKEN = ""

    assert Client(headers={"Authorization": "Bearer "}).get("/metrics").status_code == 401


def test_a_named_network_needs_no_token_and_others_do(settings):
    settings.METRICS_NETWORKS = (ip_network("10.1.0.0/16"),)

    assert Client(REMOTE_ADDR="10.1.2.3").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.2.2.3").get("/metrics").status_code == 401
    assert Client(REMOTE_ADDR="10.2.2.3", headers={"X-Forwarded-For": "10.1.2.3"}).get("/metrics").status_code == 401


def test_a_viewer_may_read_and_who_has_no_role_may_not(user_with_role):
    for role, status in (("viewer", 200), ("nobody", 403)):
        client = Client()
        client.force_login(user_with_role(role))
        assert client.get("/metrics").status_code == status


def test_documents_and_dashboard_name_what_is_told(prometheus):
    store_records("a", ROWS)
    estimated("a")
    enqueue("fit_cell", title="A fit", arguments={})
    names = {name for name, _ in told(prometheus)}
    stems = names | {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in names}
    docs = Path(settings.BASE_DIR) / "docs"
    dashboard = json.loads((docs / "examples" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    written = (docs / "how-to" / "watch-the-service.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\brovi_\w+", asked)) <= names | {"rovi_script_ends_total"}
    assert set(re.findall(r"\brovi_\w+", written)) <= stems | {"rovi_script_ends_total"}
    told_of = [name for name in names if name.startswith("rovi_") and not name.endswith("_created")]
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told_of}
    assert ours - set(re.findall(r"\brovi_\w+", written)) == set()
