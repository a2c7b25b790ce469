"""A job runs once, tells how it goes, and ends in words."""

import sqlite3
from datetime import timedelta

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.utils import timezone

from access.errors import Refused
from jobs import queue, registry
from jobs.errors import JobHasEnded, JobHasNotFailed, LeaseLost, UnknownKind
from jobs.models import Job, State, Worker
from jobs.running.claim import claim, claim_next_job, renew_leases, take_back_lost_jobs
from jobs.running.report import Report
from jobs.running.run import run_job
from jobs.running.under_way import jobs_under_way, under_way

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def worker():
    return Worker.objects.create(name="w1", heartbeat=timezone.now())


@pytest.fixture
def other_worker():
    return Worker.objects.create(name="w2", heartbeat=timezone.now())


@pytest.fixture
def kind(monkeypatch):
    """Registers a function as job kind 'test' for one test."""
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))

    def register(function):
        registry.job("test", title="A test")(function)

    return register


def test_the_lease_of_a_second_try_here_is_kept_when_the_first_ends(worker):
    job = Job.objects.create(kind="test", state=State.RUNNING, worker=worker)
    with under_way(job.pk):
        with under_way(job.pk):  # the first try, which nobody could stop
            pass
        renew_leases(worker)
        job.refresh_from_db()
        assert job.lease_until is not None
    assert jobs_under_way() == []


def run_queued(worker):
    run_job(claim_next_job(worker))
    return Job.objects.latest("id")


def test_a_job_returns_its_result_and_is_done(kind, worker):
    kind(lambda report, a, b: {"sum": a + b})
    queue.enqueue("test", arguments={"a": 2, "b": 3})
    job = run_queued(worker)
    assert (job.state, job.result, job.progress, job.tries) == (State.DONE, {"sum": 5}, 1.0, 1)
    assert job.finished >= job.started


def test_a_job_of_an_unknown_kind_is_refused_with_the_known_ones(kind):
    kind(lambda report: None)
    with pytest.raises(UnknownKind, match=r"'other'; known are .*test"):
        queue.enqueue("other")


def test_what_a_job_raises_is_kept_with_its_traceback(kind, worker):
    def divide(report):
        return {"x": 1 / 0}

    kind(divide)
    queue.enqueue("test")
    job = run_queued(worker)
    assert (job.state, job.error) == (State.FAILED, "ZeroDivisionError: division by zero")
    assert "in divide" in job.traceback


def test_a_refusal_is_kept_as_its_sentence_and_hint_alone(kind, worker):
    def refuse(report):
        raise Refused("The file has no rows.", hint="Export it again.")

    kind(refuse)
    queue.enqueue("test")
    job = run_queued(worker)
    assert (job.state, job.error, job.traceback) == (State.FAILED, "The file has no rows. Export it again.", "")


def test_the_oldest_job_is_claimed_first_and_only_once(kind, worker, other_worker):
    kind(lambda report: None)
    first, second = queue.enqueue("test"), queue.enqueue("test")
    assert claim_next_job(worker) == first
    assert claim(first.pk, other_worker) is None
    assert claim_next_job(other_worker) == second
    assert claim_next_job(worker) is None


def test_a_job_whose_worker_vanished_is_queued_again_while_it_has_tries(kind, worker, other_worker):
    kind(lambda report: None)
    queue.enqueue("test", max_tries=2)
    lost = claim_next_job(worker)
    assert take_back_lost_jobs() == 0
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert take_back_lost_jobs() == 1
    again = claim_next_job(other_worker)
    assert (again.pk, again.tries) == (lost.pk, 2)


def test_a_job_whose_worker_vanished_at_its_last_try_fails_with_a_sentence(kind, worker):
    kind(lambda report: None)
    queue.enqueue("test")
    job = claim_next_job(worker)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    take_back_lost_jobs()
    job.refresh_from_db()
    assert (job.state, job.error) == (
        State.FAILED,
        "Its worker vanished while it ran. Retry it once a worker is alive.",
    )


def test_a_run_that_lost_its_lease_stops_and_writes_nothing(kind, worker, other_worker):
    kind(lambda report: None)
    queue.enqueue("test", max_tries=2)
    stale = claim_next_job(worker)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    take_back_lost_jobs()
    claim_next_job(other_worker)
    with pytest.raises(LeaseLost):
        Report(stale).progress(0.9, "nearly")
    run_job(stale)
    job = Job.objects.get()
    assert (job.state, job.worker, job.progress) == (State.RUNNING, other_worker, 0.0)


def test_a_heartbeat_keeps_the_lease(kind, worker):
    kind(lambda report: None)
    queue.enqueue("test")
    claim_next_job(worker)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    with under_way(Job.objects.get().pk):
        renew_leases(worker)
    assert take_back_lost_jobs() == 0


def test_a_job_that_a_living_worker_no_longer_runs_is_taken_back(kind, worker):
    """Its end could not be written when it came, as on a full disk."""
    kind(lambda report: None)
    queue.enqueue("test", max_tries=2)
    claim_next_job(worker)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    renew_leases(worker)
    assert take_back_lost_jobs() == 1


def failing_at_first(error):
    """A job's function that meets `error` once."""
    tries = []

    def function(report):
        tries.append(report)
        if len(tries) == 1:
            raise error
        return {"tries": len(tries)}

    return function


def locked():
    error = OperationalError("database is locked")
    error.__cause__ = sqlite3.OperationalError("database is locked")
    error.__cause__.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def refused_for_now():
    error = Refused("The database is busy.")
    error.__cause__ = locked()
    return error


@pytest.mark.parametrize("error", [locked(), refused_for_now()])
def test_a_job_that_found_the_database_locked_is_begun_again_while_it_has_tries(kind, worker, error):
    if connection.vendor == "postgresql":
        pytest.skip("a lock of SQLite's; on PostgreSQL the connection is given up, and a test's transaction with it")
    kind(failing_at_first(error))
    queue.enqueue("test", max_tries=2)
    assert run_queued(worker).state == State.QUEUED
    job = run_queued(worker)
    assert (job.state, job.tries, job.result) == (State.DONE, 2, {"tries": 2})


def test_at_its_last_try_it_fails(kind, worker):
    kind(failing_at_first(locked()))
    queue.enqueue("test")
    assert run_queued(worker).error == "OperationalError: database is locked"


def test_a_statement_that_the_database_does_not_understand_is_not_tried_again(kind, worker):
    kind(failing_at_first(ProgrammingError("no such table")))
    queue.enqueue("test", max_tries=2)
    assert run_queued(worker).state == State.FAILED


def test_progress_and_log_are_seen_while_it_runs(kind, worker):
    seen = []

    def half(report):
        report.progress(0.5, "half way")
        report.log("a line")
        seen.append(Job.objects.values_list("progress", "message").get())

    kind(half)
    queue.enqueue("test")
    job = run_queued(worker)
    assert seen == [(0.5, "half way")]
    assert [line.text for line in job.lines.all()] == ["a line"]


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(kind, worker):
    kind(lambda report: None)
    job = queue.cancel(queue.enqueue("test"), by="ada")
    assert (job.state, job.message) == (State.CANCELLED, "Cancelled by ada.")
    assert claim_next_job(worker) is None


def test_a_running_job_stops_at_its_next_report_after_a_cancel(kind, worker):
    def long(report):
        queue.cancel(report.job, by="ada")
        report.progress(0.1)
        raise AssertionError("went on after the cancel")

    kind(long)
    queue.enqueue("test")
    job = run_queued(worker)
    assert (job.state, job.message) == (State.CANCELLED, "Cancelled by ada.")


def test_an_ended_job_cannot_be_cancelled(kind, worker):
    kind(lambda report: None)
    queue.enqueue("test")
    with pytest.raises(JobHasEnded, match="is done"):
        queue.cancel(run_queued(worker), by="ada")


def test_a_failed_job_is_retried_once_and_both_are_linked(kind, worker):
    kind(lambda report: 1 / 0)
    queue.enqueue("test", subject="datahub.battery:3", arguments={})
    failed = run_queued(worker)
    fresh = queue.retry(failed, by=None)
    failed.refresh_from_db()
    assert failed.retried_as == fresh
    assert (fresh.state, fresh.subject, fresh.retry_of) == (State.QUEUED, "datahub.battery:3", failed)
    with pytest.raises(JobHasNotFailed, match=f"was retried as #{fresh.pk}"):
        queue.retry(failed, by=None)


def test_a_done_job_is_not_retried(kind, worker):
    kind(lambda report: None)
    queue.enqueue("test")
    with pytest.raises(JobHasNotFailed, match="is done"):
        queue.retry(run_queued(worker), by=None)
