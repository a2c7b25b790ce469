"""A worker outlives what it runs and leaves in good order."""

import threading

import pytest
from django.apps import apps
from django.utils import timezone

from jobs import queue, registry
from jobs.models import Job, State, Worker
from jobs.queries import any_worker_is_alive, queue_summary
from jobs.running.worker import WorkerProcess

ALL_APPS = [config.name for config in apps.get_app_configs()]  # PostgreSQL empties all tables at once, or none
pytestmark = [pytest.mark.django_db(transaction=True, available_apps=ALL_APPS), pytest.mark.postgres]


def test_it_runs_jobs_and_duties_until_stopped(monkeypatch, settings):
    settings.WORKER_TICK_SECONDS = 0.01
    calls = []
    duty_failed_once = threading.Event()

    def duty():
        calls.append(timezone.now())
        if not duty_failed_once.is_set():
            duty_failed_once.set()
            raise RuntimeError("a fault of one duty")
        return False

    monkeypatch.setattr("jobs.running.worker.PAUSE_AFTER_ERROR_SECONDS", 0.01)
    monkeypatch.setattr(registry, "_kinds", {})
    monkeypatch.setattr(registry, "_duties", {"test": duty})
    registry.job("double", title="Double")(lambda report, x: {"x": 2 * x})
    job = queue.enqueue("double", arguments={"x": 21})

    process = WorkerProcess(job_threads=1, shards=())  # SQLite in memory lets no thread wait for another's lock
    thread = threading.Thread(target=process.run)
    thread.start()
    ended = queue.wait_for(job, seconds=240)
    alive_while_running = any_worker_is_alive()
    for _ in range(500):
        if len(calls) > 2:
            break
        threading.Event().wait(0.01)
    process.stop()
    thread.join(timeout=240)

    assert (ended.state, ended.result) == (State.DONE, {"x": 42})
    assert len(calls) > 2, "the duty was not called again after it failed"
    assert alive_while_running
    assert Worker.objects.get().stopped is not None
    assert not any_worker_is_alive()


def test_the_queue_tells_how_long_its_oldest_job_waits(monkeypatch):
    monkeypatch.setattr(registry, "_kinds", {})
    registry.job("test", title="A test")(lambda report: None)
    first = queue.enqueue("test")
    queue.enqueue("test")
    assert queue_summary() == {"counts": {"queued": 2}, "oldest_queued": first.created}


def test_waiting_for_a_job_gives_it_back_unfinished_when_time_is_up(monkeypatch):
    monkeypatch.setattr(registry, "_kinds", {})
    registry.job("test", title="A test")(lambda report: None)
    job = queue.enqueue("test")
    assert queue.wait_for(job, seconds=0.01).state == State.QUEUED
    assert Job.objects.get().state == State.QUEUED
