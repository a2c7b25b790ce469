"""A worker that is drained finishes what it has, takes nothing new, and ends; others take over."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from access.models import AuditEntry
from jobs import queue, registry
from jobs.draining import drain
from jobs.errors import WorkerGone
from jobs.models import Job, State, Worker
from jobs.running.shards import ShardKeeper
from jobs.running.worker import WorkerProcess
from tests.killable import Service

ALL_APPS = [config.name for config in apps.get_app_configs()]  # PostgreSQL empties all tables at once, or none
pytestmark = [pytest.mark.django_db(transaction=True, available_apps=ALL_APPS), pytest.mark.postgres]
SECONDS = 240.0  # of what takes less than one on a quiet machine


def alive_worker(name="w1"):
    return Worker.objects.create(name=name, heartbeat=timezone.now(), process=f"m||1|{name}")


def test_the_job_in_hand_is_finished_and_the_next_is_left(monkeypatch, settings):
    settings.WORKER_TICK_SECONDS, settings.JOB_LEASE_SECONDS = 0.01, 3.0
    monkeypatch.setattr(registry, "_kinds", {})
    monkeypatch.setattr(registry, "_duties", {})
    begun, may_end = threading.Event(), threading.Event()

    @registry.job("hold", title="Hold")
    def hold(report):
        begun.set()
        may_end.wait(SECONDS)
        return {"held": True}

    first, second = queue.enqueue("hold"), queue.enqueue("hold")
    process = WorkerProcess(job_threads=1, shards=())
    thread = threading.Thread(target=process.run)
    thread.start()
    assert begun.wait(SECONDS)
    drain(process.worker)
    assert process.stopping.wait(SECONDS)
    may_end.set()
    thread.join(SECONDS)
    ended = Job.objects.get(pk=first.pk)
    assert (ended.state, ended.result, Job.objects.get(pk=second.pk).state) == (
        State.DONE, {"held": True}, State.QUEUED,
    )  # fmt: skip
    assert Worker.objects.get().stopped is not None


def test_who_was_asked_is_not_asked_twice_and_one_that_is_gone_is_told():
    worker = alive_worker()
    assert (drain(worker), drain(worker)) == (True, False)
    assert [(entry.action, entry.name) for entry in AuditEntry.objects.all()] == [("drained", "w1")]
    Worker.objects.update(heartbeat=Now() - timedelta(hours=1))
    with pytest.raises(WorkerGone, match=r"The worker w1 has ended, or was not heard of for a while\."):
        drain(worker)


def test_others_take_the_whole_fleet_while_it_ends(settings):
    settings.SHARDS = 8
    keepers = [ShardKeeper(alive_worker(name)) for name in ("w1", "w2")]
    for keeper in (*keepers, *keepers):
        keeper.look()
    assert [len(keeper.held) for keeper in keepers] == [4, 4]
    drain(keepers[0].worker)
    keepers[0].release()
    keepers[1].look()
    assert keepers[1].held == list(range(8))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "Name workers, or say --all."),
        (("w1", "--all"), "Name workers, or say --all."),
        (("w1", "w9"), "There is no worker w9."),
    ],
)
def test_the_command_says_what_it_cannot_do(words, complaint):
    alive_worker()
    with pytest.raises(CommandError, match=complaint):
        call_command("drain_worker", *words)
    assert Worker.objects.get().draining is None


@pytest.mark.slow
def test_a_process_ends_by_itself_and_another_goes_on(tmp_path):
    with Service(tmp_path / "data", connection.vendor) as service:
        first = service.start("one", "manage.py", "run_worker")
        service.wait_until(lambda: service.ask("SELECT 1 FROM jobs_worker"))
        (name,) = service.ask("SELECT name FROM jobs_worker")[0]
        service.start_worker("two")
        service.wait_until(lambda: len(service.ask("SELECT DISTINCT owner FROM jobs_shard WHERE owner <> ''")) == 2)
        told = service.manage("drain_worker", name, "--wait", "200")
        assert told == f"{name} finishes what it has and ends.\n"
        assert first.wait(60) == 0
        service.processes.pop("one")
        service.wait_until(lambda: len(service.ask("SELECT DISTINCT owner FROM jobs_shard")) == 1)
        assert service.ask("SELECT name FROM jobs_worker WHERE stopped IS NOT NULL") == [(name,)]
        assert service.processes["two"].poll() is None
