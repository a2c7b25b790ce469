"""The pages of jobs and of the service's own state."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job, JobLine, State, Worker
from tests.rovi_site.pages import battery_with_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def page_as(client, user_with_role):
    def make(role: str):
        client.force_login(user_with_role(role))
        return client

    return make


def alive_worker() -> Worker:
    return Worker.objects.create(name="host-1", heartbeat=timezone.now())


def test_a_queued_job_says_why_it_does_not_run(page_as):
    job = Job.objects.create(kind="import_file", title="Import a.h5")
    client = page_as("viewer")
    assert (
        "No worker is running. Start one with manage.py run_worker." in client.get(f"/jobs/{job.pk}").content.decode()
    )
    alive_worker()
    assert "It is the next in line." in client.get(f"/jobs/{job.pk}").content.decode()


def test_no_worker_is_told_on_every_page_and_one_that_lives_ends_it(page_as):
    client = page_as("viewer")
    for address in ("/", "/jobs", "/status", "/admin/"):
        assert "No worker is running." in client.get(address).content.decode(), address
    alive_worker()
    assert "No worker is running." not in client.get("/").content.decode()


def test_a_failed_job_shows_its_error_log_and_traceback(page_as):
    now = timezone.now()
    job = Job.objects.create(
        kind="load_estimator", title="Load", state=State.FAILED, error="Line 41: <i>nan</i>",
        traceback="ValueError: nan", tries=3, max_tries=3, started=now, finished=now,
    )  # fmt: skip
    JobLine.objects.create(job=job, text="Loading.")
    page = page_as("viewer").get(f"/jobs/{job.pk}").content.decode()
    assert "Failed 3 of 3: Line 41: &lt;i&gt;nan&lt;/i&gt;" in page
    assert "<pre>ValueError: nan</pre>" in page
    assert "<span>Loading.</span>" in page


def test_a_job_leads_to_what_it_is_for(page_as):
    battery = battery_with_rows("module 7/α", rows=2)
    job = Job.objects.create(kind="import_file", subject=f"datahub.battery:{battery.pk}")
    page = page_as("viewer").get(f"/jobs/{job.pk}").content.decode()
    assert '<a href="/dashboard/module%207/%CE%B1">module 7/α</a>' in page


def test_an_operator_cancels_a_job_and_a_viewer_does_not(page_as):
    job = Job.objects.create(kind="import_file")
    assert page_as("viewer").post(f"/jobs/{job.pk}/cancel").status_code == 403
    answer = page_as("operator").post(f"/jobs/{job.pk}/cancel", follow=True)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested_by) == (State.CANCELLED, "the-operator")
    assert "Cancelled by the-operator" in answer.content.decode()


def test_a_retried_job_leaves_the_failed_ones(page_as):
    job = Job.objects.create(
        kind="load_estimator", title="Load", state=State.FAILED, error="nan", finished=timezone.now()
    )
    client = page_as("operator")
    answer = client.post(f"/jobs/{job.pk}/retry", follow=True)
    fresh = Job.objects.get(retry_of=job)
    assert answer.redirect_chain[-1][0] == f"/jobs/{fresh.pk}"
    assert list(client.get("/jobs?state=failed").context["page"]) == []
    assert f"Retried as #{fresh.pk}." in client.get(f"/jobs/{job.pk}").content.decode()


def test_a_job_that_is_done_is_not_retried_and_the_page_says_why(page_as):
    job = Job.objects.create(kind="load_estimator", state=State.DONE, finished=timezone.now())
    answer = page_as("operator").post(f"/jobs/{job.pk}/retry", follow=True)
    assert "is done" in answer.content.decode()
    assert Job.objects.count() == 1


def test_jobs_are_found_by_state_kind_text_and_number(page_as):
    first = Job.objects.create(kind="import_file", title="Import a.h5")
    second = Job.objects.create(kind="run_forecast", title="Forecast", state=State.DONE, error="")
    client = page_as("viewer")
    assert list(client.get("/jobs?state=queued").context["page"]) == [first]
    assert list(client.get("/jobs?kind=run_forecast").context["page"]) == [second]
    assert list(client.get("/jobs?q=a.h5").context["page"]) == [first]
    assert list(client.get(f"/jobs?q=%23{second.pk}").context["page"]) == [second]


@pytest.mark.parametrize("jobs", [1, 3])
def test_three_jobs_cost_the_queries_of_one(page_as, django_assert_num_queries, jobs):
    worker = alive_worker()
    for _ in range(jobs):
        Job.objects.create(kind="import_file", worker=worker)
    client = page_as("viewer")
    with django_assert_num_queries(11):
        client.get("/jobs")


def test_an_unknown_job_is_a_page_with_a_way_on(page_as):
    answer = page_as("viewer").get("/jobs/999")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is no job #999." in page
    assert '<a class="button button-main" href="/">Show the fleet</a>' in page


def test_the_status_tells_workers_walls_queue_disk_and_versions(page_as):
    alive_worker()
    Worker.objects.create(name="host-2", heartbeat=timezone.now() - timedelta(hours=1))
    Worker.objects.create(name="host-3", heartbeat=timezone.now() - timedelta(hours=1), stopped=timezone.now())
    Job.objects.create(kind="import_file")
    answer = page_as("viewer").get("/status")
    assert {row.worker.name: row.badge.word for row in answer.context["workers"]} == {
        "host-1": "Alive", "host-2": "Lost", "host-3": "Ended",
    }  # fmt: skip
    assert (answer.context["alive"], answer.context["queued"]) == (1, 1)
    assert len(answer.context["walls"]) >= 3
    assert {"Python", "django", "numpy"} <= {name for name, _ in answer.context["versions"]}
    assert 0 < answer.context["disk_share"] < 1


def test_a_done_job_s_last_progress_is_no_news_in_the_list(page_as):
    Job.objects.create(kind="import_file", title="Import a.h5", state=State.DONE, message="0 of 15 rows")
    Job.objects.create(kind="import_file", title="Import b.h5", state=State.RUNNING, message="7 of 15 rows")
    page = page_as("viewer").get("/jobs").content.decode()
    assert "7 of 15 rows" in page
    assert "0 of 15 rows" not in page


def test_an_import_s_job_leads_to_the_battery(page_as):
    job = Job.objects.create(kind="import_file", state=State.DONE, result={"battery": "a/b 1", "stored": 3})
    assert '<a href="/dashboard/a/b%201">a/b 1</a>' in page_as("viewer").get(f"/jobs/{job.pk}").content.decode()


def failed_job(error, kind="load_estimator", **changes):
    return Job.objects.create(kind=kind, title="Load", state=State.FAILED, error=error, **changes)


def test_failed_jobs_are_told_by_cause_and_all_of_one_are_retried(page_as):
    same = [failed_job(f"ValueError: voltage is NaN, line {line}, in 'cell {line}'") for line in (41, 7, 3)]
    other = failed_job("Job timed out (300 s).")
    client = page_as("operator")
    page = client.get("/jobs").content.decode()
    assert "<h2>4 failed: 2 causes</h2>" in page
    assert "<strong>Load an estimator&#x27;s script, 3 times</strong>" in page
    cause = client.get("/jobs").context["causes"][0]
    answer = client.post("/jobs/retry-failed", {"cause": cause.key}, follow=True)
    assert "3 retried." in answer.content.decode()
    assert list(Job.objects.filter(retried_as__isnull=False).order_by("pk")) == same
    other.refresh_from_db()
    assert other.retried_as is None
    assert "<h2>1 failed: 1 cause</h2>" in client.get("/jobs").content.decode()


def test_who_comes_second_to_retry_is_told_that_nothing_is_left(page_as):
    assert (
        "No failed job was left to retry."
        in page_as("operator").post("/jobs/retry-failed", follow=True).content.decode()
    )


def test_the_log_is_searched_by_text_and_level_over_all_lines(page_as):
    job = Job.objects.create(kind="import_file", state=State.RUNNING)
    JobLine.objects.bulk_create(JobLine(job=job, text=f"row {number}") for number in range(600))
    JobLine.objects.create(job=job, level="error", text="voltage is text")
    JobLine.objects.create(job=job, level="warning", text="time goes back")
    client = page_as("viewer")

    def lines(query):
        return [line.text for line in client.get(f"/jobs/{job.pk}{query}").context["lines"]]

    assert lines("")[-1] == "time goes back"  # the last page first
    assert lines("?page=1")[0] == "row 0"
    assert lines("?q=row+17") == ["row 17", *(f"row 17{digit}" for digit in range(10))]
    assert lines("?level=error") == ["voltage is text"]
    assert lines("?level=warning") == ["voltage is text", "time goes back"]
    assert "No line matches." in client.get(f"/jobs/{job.pk}?q=nothing").content.decode()


def test_the_timeline_tells_how_long_it_waited_and_ran(page_as):
    now = timezone.now()
    job = failed_job("nan", tries=1, started=now, finished=now + timedelta(seconds=65))
    Job.objects.filter(pk=job.pk).update(created=now - timedelta(seconds=12))
    steps = page_as("viewer").get(f"/jobs/{job.pk}").context["timeline"]
    assert [(what, after) for what, _, after in steps] == [
        ("Queued", ""), ("Begun, try 1 of 1", "waited 12 s"), ("Failed", "after 65 s"),
    ]  # fmt: skip


def test_time_left_is_reckoned_from_the_progress(page_as):
    began = timezone.now() - timedelta(seconds=60)
    job = Job.objects.create(kind="import_file", state=State.RUNNING, started=began, progress=0.25)
    assert "25 %, about 3 min left" in page_as("viewer").get(f"/jobs/{job.pk}").content.decode()


def test_jobs_of_a_battery_are_its_own_and_its_estimators(page_as):
    battery = battery_with_rows("cell 1", rows=2)
    estimator = battery.estimators.create(version=1, kind="script")
    mine = [
        Job.objects.create(kind="import_file", subject=f"datahub.battery:{battery.pk}"),
        Job.objects.create(kind="load_estimator", subject=f"twin.estimator:{estimator.pk}"),
    ]
    Job.objects.create(kind="import_file", subject=f"datahub.battery:{battery.pk + 1}")
    client = page_as("viewer")
    assert list(client.get("/jobs?battery=cell+1").context["page"]) == mine[::-1]
    assert list(client.get("/jobs?battery=unknown").context["page"]) == []
