"""Workers are called to jobs over Redis; a call that comes twice, late or never changes nothing but the time."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone
from kombu.exceptions import OperationalError

from jobs import calling, queue, registry
from jobs.models import Job, State
from jobs.running import celery_app
from jobs.running.worker import WorkerProcess

ALL_APPS = [config.name for config in apps.get_app_configs()]  # PostgreSQL empties all tables at once, or none
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def calls(settings, monkeypatch):
    """What went out: (job, queue). With an error in `calls.fails` nothing goes."""

    class Calls(list):
        fails = None

    def apply_async(args, queue, retry):
        if made.fails:
            raise made.fails
        made.append((*args, queue))

    made = Calls()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(calling, "_silent_until", 0.0)
    monkeypatch.setattr(celery_app.run_job, "apply_async", apply_async)
    monkeypatch.setattr(registry, "_kinds", {})
    registry.job("test", title="A test")(lambda report: None)
    return made


def test_a_worker_is_called_when_the_row_is_committed(calls, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        anybody, of_a_shard = queue.enqueue("test"), queue.enqueue("test", shard=3)
        assert calls == []
    assert calls == [(anybody.pk, "jobs"), (of_a_shard.pk, "shard-3")]


def test_a_retry_is_called_out_in_the_queue_of_the_first_try(calls, django_capture_on_commit_callbacks):
    job = queue.enqueue("test", shard=3)
    Job.objects.update(state=State.FAILED)
    with django_capture_on_commit_callbacks(execute=True):
        fresh = queue.retry(job, by=None)
    assert calls == [(fresh.pk, "shard-3")]


def test_without_redis_nobody_is_called(calls, settings, django_capture_on_commit_callbacks):
    settings.REDIS_URL = ""
    with django_capture_on_commit_callbacks() as callbacks:
        queue.enqueue("test")
    assert callbacks == []


def test_a_redis_that_is_away_costs_a_warning_and_the_next_request_no_time(
    calls, caplog, django_capture_on_commit_callbacks
):
    calls.fails = OperationalError("Connection refused")
    with django_capture_on_commit_callbacks(execute=True):
        job = queue.enqueue("test")
    assert f"workers find job #{job.pk} when they look by themselves" in caplog.text
    calls.fails = None
    with django_capture_on_commit_callbacks(execute=True):
        queue.enqueue("test")
    assert calls == []


def test_a_real_call_to_a_redis_that_is_not_there_comes_back(settings, monkeypatch):
    monkeypatch.setattr(calling, "_silent_until", 0.0)
    with celery_app.app.connection("redis://127.0.0.1:1/0") as nowhere, pytest.raises(OperationalError):
        celery_app.run_job.apply_async(args=[1], queue="jobs", retry=False, connection=nowhere)


def test_who_is_called_twice_runs_the_job_once(calls):
    job = queue.enqueue("test")
    worker = WorkerProcess(job_threads=1, with_duties=False, is_called=True)
    assert [worker.run_called(job.pk), worker.run_called(job.pk), worker.run_called(0)] == [True, False, False]
    job.refresh_from_db()
    assert (job.state, job.tries) == (State.DONE, 1)


@pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)
def test_while_redis_is_away_as_many_jobs_run_at_once_as_there_are_threads(calls, settings):
    settings.JOB_LEASE_SECONDS = 0.3
    meeting = threading.Barrier(3, timeout=10)

    def meets_another(report):
        meeting.wait()

    registry.job("test", title="A test")(meets_another)
    both = [queue.enqueue("test"), queue.enqueue("test")]
    calls.clear()
    process = WorkerProcess(job_threads=2, with_duties=False, is_called=True)
    settings.JOB_LEASE_SECONDS = 30.0
    Job.objects.update(created=timezone.now() - timedelta(minutes=1))
    process.start()
    try:
        meeting.wait()  # both run, or it breaks
        ended = [queue.wait_for(job, 10) for job in both]
    finally:
        meeting.abort()
        process.stop()
        process.finish()
    assert [job.state for job in ended] == [State.DONE, State.DONE]


def test_queues_tell_a_worker_its_shards():
    assert celery_app.shards_of(["jobs", "shard-0", "shard-11", "shard-99"]) == [0, 11]
    assert celery_app.shards_of(["jobs"]) == []


def test_a_call_is_given_back_when_its_worker_is_lost():
    assert celery_app.app.conf.task_acks_late
    assert celery_app.app.conf.task_reject_on_worker_lost
