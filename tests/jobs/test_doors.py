"""Jobs over REST and in the admin: seen by viewers, cancelled and retried by operators."""

import pytest
from django.urls import reverse

from jobs import queue, registry
from jobs.models import Job, State

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setattr(registry, "_kinds", {})
    registry.job("test", title="A test")(lambda report: None)


def test_a_viewer_follows_a_job_with_its_log(client_as):
    job = queue.enqueue("test", subject="datahub.battery:3")
    job.lines.create(text="begun")
    found = client_as("viewer").get(f"/api/v1/jobs/{job.pk}/").json()
    assert (found["state"], found["subject"], found["seconds"]) == ("queued", "datahub.battery:3", None)
    assert [line.split(" ", 1)[1] for line in found["log"]] == ["begun"]


def test_a_viewer_cannot_cancel_and_is_told_which_role_can(client_as):
    job = queue.enqueue("test")
    refused = client_as("viewer").post(f"/api/v1/jobs/{job.pk}/cancel/")
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "code": "permission_denied",
        "message": "This needs the role operator; your account sees everything, changes nothing. Ask an administrator.",
        "hint": "Ask an administrator for a role that allows it.",
    }
    assert Job.objects.get().state == State.QUEUED


def test_an_operator_cancels_and_then_retries(client_as):
    job = queue.enqueue("test")
    client = client_as("operator")
    assert client.post(f"/api/v1/jobs/{job.pk}/cancel/").json()["state"] == "cancelled"
    again = client.post(f"/api/v1/jobs/{job.pk}/cancel/")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_has_ended")
    fresh = client.post(f"/api/v1/jobs/{job.pk}/retry/")
    assert (fresh.status_code, fresh.json()["state"]) == (202, "queued")
    assert client.get(f"/api/v1/jobs/{job.pk}/").json()["retried_as"] == fresh.json()["id"]


def test_a_stranger_sees_no_jobs(client_as):
    refused = client_as(None).get("/api/v1/jobs/")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "not_authenticated"


@pytest.mark.parametrize("role", ["nobody"])
def test_an_account_without_a_role_sees_no_jobs(client_as, role):
    assert client_as(role).get("/api/v1/jobs/").status_code == 403


def test_jobs_are_filtered_by_state_and_subject(client_as):
    kept = queue.enqueue("test", subject="datahub.battery:1")
    queue.enqueue("test", subject="datahub.battery:2")
    queue.cancel(queue.enqueue("test", subject="datahub.battery:1"), by="ada")
    found = client_as("viewer").get("/api/v1/jobs/?state=queued&subject=datahub.battery:1").json()
    assert [job["id"] for job in found["results"]] == [kept.pk]


def test_a_list_of_three_jobs_costs_the_queries_of_one(client_as, django_assert_num_queries, user_with_role):
    client = client_as("viewer")
    asker = user_with_role("operator")
    queue.enqueue("test", requested_by=asker)
    with django_assert_num_queries(3):  # the caller's groups, the count, the page
        client.get("/api/v1/jobs/")
    queue.enqueue("test", requested_by=asker)
    queue.enqueue("test", requested_by=asker)
    client = client_as("engineer")
    with django_assert_num_queries(3):
        assert len(client.get("/api/v1/jobs/").json()["results"]) == 3


def test_the_admin_retries_what_failed_and_says_what_it_skipped(client, user_with_role):
    client.force_login(user_with_role("administrator"))
    failed, done = queue.enqueue("test"), queue.enqueue("test")
    Job.objects.filter(pk=failed.pk).update(state=State.FAILED)
    Job.objects.filter(pk=done.pk).update(state=State.DONE)
    answer = client.post(
        reverse("admin:jobs_job_changelist"),
        {"sure": "yes", "action": "retry_jobs", "_selected_action": [failed.pk, done.pk]},
        follow=True,
    )
    assert f"1 retried, 1 skipped: Job #{done.pk} is done; only a failed or cancelled job is retried, and once." in (
        answer.content.decode()
    )
    assert Job.objects.filter(state=State.QUEUED).count() == 1


def test_the_admin_shows_a_job_and_lets_nobody_rewrite_it(client, user_with_role):
    client.force_login(user_with_role("administrator"))
    job = queue.enqueue("test")
    assert client.get(reverse("admin:jobs_job_change", args=[job.pk])).status_code == 200
    assert client.get(reverse("admin:jobs_job_add")).status_code == 403
    client.post(reverse("admin:jobs_job_change", args=[job.pk]), {"state": "done"})
    assert Job.objects.get().state == State.QUEUED
