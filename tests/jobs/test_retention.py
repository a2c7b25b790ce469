"""Jobs that ended long ago are deleted where the settings say so; none that waits, runs or is recent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import queries, retention
from jobs.models import Job, JobLine, State, Worker
from jobs.queries import tallies_of_workers
from jobs.retention import delete_old_jobs, delete_workers_silent_for

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


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


def test_workers_that_are_long_gone_go_by_themselves_and_their_counts_stay():
    long_ago = timezone.now() - timedelta(days=31)
    for name in ("one", "two"):
        Worker.objects.create(name=name, heartbeat=long_ago, tallies={"killed": 2})
    Worker.objects.create(name="three", heartbeat=long_ago, tallies={"killed": 1, "memory": 4})
    of_a_job = Worker.objects.create(name="of a job", heartbeat=long_ago)
    job(State.DONE, 30, of_a_job)
    Worker.objects.create(name="alive", heartbeat=timezone.now(), tallies={"killed": 10})
    before = tallies_of_workers()
    assert before == {"killed": 15, "memory": 4}
    assert not delete_old_jobs()
    assert set(Worker.objects.values_list("name", flat=True)) == {"of a job", "alive"}
    assert tallies_of_workers() == before
    Worker.objects.filter(name="alive").update(heartbeat=long_ago)
    assert not delete_workers_silent_for(30.0)
    assert tallies_of_workers() == before


def test_counts_do_not_fall_or_rise_while_a_record_goes(monkeypatch):
    Worker.objects.create(name="gone", heartbeat=timezone.now() - timedelta(days=31), tallies={"killed": 2})
    reader, asked = queries._kept_tallies, []

    def read_as_it_goes():
        kept = reader()
        if not asked:
            delete_workers_silent_for(30.0)
        asked.append(kept)
        return kept

    monkeypatch.setattr(queries, "_kept_tallies", read_as_it_goes)
    assert tallies_of_workers() == {"killed": 2}
    assert asked == [{}, {"killed": 2}, {"killed": 2}, {"killed": 2}]


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
