"""The clock is set back while jobs run and workers live: nothing stays held until it has caught up."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import queue, registry
from jobs.models import Job, State, Worker
from jobs.queries import any_worker_is_alive
from jobs.running import ahead
from jobs.running.claim import claim_next_job, renew_leases, take_back_lost_jobs
from jobs.running.under_way import under_way

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def job(monkeypatch):
    """A job that runs, seen by a worker whose clock says an hour less than when it was begun."""
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    monkeypatch.setattr(ahead, "_seen", {})
    registry.job("test", title="A test")(lambda report: None)
    queue.enqueue("test", max_tries=2)
    claimed = claim_next_job(Worker.objects.create(name="w", heartbeat=timezone.now() + timedelta(hours=1)))
    Job.objects.update(lease_until=timezone.now() + timedelta(hours=1))
    return claimed


@pytest.fixture
def wait(monkeypatch, settings):
    """Lets the monotonic clock go on by a lease."""
    went = [time.monotonic()]
    monkeypatch.setattr(ahead.time, "monotonic", lambda: went[0])
    return lambda: went.append(went.pop() + settings.JOB_LEASE_SECONDS)


def test_a_job_whose_worker_died_before_the_clock_was_set_back_is_taken_back_after_a_lease(job, wait):
    assert take_back_lost_jobs() == 0
    wait()
    assert take_back_lost_jobs() == 1
    assert Job.objects.get().state == State.QUEUED


def test_a_job_whose_worker_lives_is_left_to_it(job, wait):
    assert take_back_lost_jobs() == 0
    with under_way(job.pk):
        renew_leases(job.worker)
    wait()
    assert take_back_lost_jobs() == 0


def test_a_heartbeat_from_the_future_is_no_sign_of_life(job):
    assert not any_worker_is_alive()
    renew_leases(job.worker)
    assert any_worker_is_alive()
