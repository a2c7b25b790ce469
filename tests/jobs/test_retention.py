"""Jobs that ended long ago are deleted where the settings say so; none that waits, runs or is recent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import retention
from jobs.models import Job, JobLine, State, Worker
from jobs.retention import delete_old_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_looked_yet(monkeypatch):
    monkeypatch.setattr(retention, "_looked", float("-inf"))


def job(state, days_ago, worker=None):
    finished = timezone.now() - timedelta(days=days_ago) if state in State.ENDED else None
    return Job.objects.create(kind="test", state=state, finished=finished, worker=worker)


def test_nothing_is_deleted_unless_the_settings_say_so(settings):
    job(State.DONE, 1000)
    assert settings.JOBS_DAYS is None
    assert not delete_old_jobs()
    assert Job.objects.count() == 1


def test_ended_jobs_go_with_their_logs_and_workers_that_are_long_gone(settings, monkeypatch):
    settings.JOBS_DAYS = 7.0
    monkeypatch.setattr(retention, "JOBS_A_TRANSACTION", 2)
    gone = Worker.objects.create(name="gone", heartbeat=timezone.now() - timedelta(days=8))
    Worker.objects.create(name="alive", heartbeat=timezone.now())
    old = [job(state, 8, gone) for state in State.ENDED]
    kept = [job(State.DONE, 6), job(State.QUEUED, 0), job(State.RUNNING, 0)]
    JobLine.objects.create(job=old[0], text="done")
    assert delete_old_jobs()  # two are deleted, there may be more
    assert not delete_old_jobs()
    assert set(Job.objects.values_list("pk", flat=True)) == {each.pk for each in kept}
    assert not JobLine.objects.exists()
    assert list(Worker.objects.values_list("name", flat=True)) == ["alive"]
    old_again = job(State.DONE, 8)
    assert not delete_old_jobs()  # it looked just now
    assert Job.objects.filter(pk=old_again.pk).exists()
