"""A machine wakes after a sleep: every lease has run out, and each worker that lives gets the time to renew its own."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Job, Shard, State, Worker
from jobs.running import waking
from jobs.running.claim import renew_leases
from jobs.running.shards import ShardKeeper
from jobs.running.under_way import under_way
from jobs.running.worker import WorkerProcess

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
LEASE = 30.0
OF_ANOTHER_MACHINE = "elsewhere|pid:[1]|7|7"


@pytest.fixture
def clock(monkeypatch, settings):
    """`database` and `own` (s) are what both clocks show; all leases run out as the first goes on."""
    settings.JOB_LEASE_SECONDS = LEASE
    found = SimpleNamespace(database=1e9, own=100.0)
    monkeypatch.setattr(waking.tables, "now", lambda connection: found.database)
    monkeypatch.setattr(waking, "monotonic", lambda: found.own)

    def go_on(database, own):
        found.database += database
        found.own += own
        if database > LEASE:
            for held in (Job, Shard):
                held.objects.exclude(lease_until=None).update(lease_until=Now() - timedelta(seconds=1))

    found.go_on = go_on
    return found


@pytest.fixture
def other():
    worker = Worker.objects.create(name="other", heartbeat=timezone.now(), process=OF_ANOTHER_MACHINE)
    lease = timezone.now() + timedelta(seconds=LEASE)
    Job.objects.create(kind="test", state=State.RUNNING, worker=worker, tries=1, max_tries=2, lease_until=lease)
    return worker


def state():
    return Job.objects.get().state


def test_who_wakes_first_leaves_the_jobs_of_others_for_a_lease(clock, other):
    first = WorkerProcess(with_duties=False)
    first._keep_leases()
    clock.go_on(database=3600.0, own=0.1)
    first._keep_leases()
    assert state() == State.RUNNING
    clock.go_on(database=LEASE - 1.0, own=LEASE - 1.0)
    first._keep_leases()
    assert state() == State.RUNNING
    clock.go_on(database=2.0, own=2.0)
    first._keep_leases()
    assert state() == State.QUEUED  # nobody renewed it


def test_one_that_wakes_later_keeps_its_job(clock, other):
    first = WorkerProcess(with_duties=False)
    first._keep_leases()
    clock.go_on(database=3600.0, own=0.1)
    first._keep_leases()
    with under_way(Job.objects.get().pk):
        renew_leases(other)
    clock.go_on(database=LEASE - 1.0, own=LEASE - 1.0)
    clock.go_on(database=2.0, own=2.0)
    first._keep_leases()
    assert state() == State.RUNNING


def test_where_a_worker_alone_was_frozen_its_jobs_are_taken_back_at_once(clock, other):
    first = WorkerProcess(with_duties=False)
    first._keep_leases()
    clock.go_on(database=3600.0, own=3600.0)
    first._keep_leases()
    assert state() == State.QUEUED


def test_who_wakes_first_leaves_the_shards_of_others_and_takes_those_of_the_dead(clock, settings):
    settings.SHARDS = 4
    this_machine = WorkerProcess(with_duties=False).worker.process
    dead = "|".join([*this_machine.split("|")[:2], "999999999", "1"])
    sleeping, gone = (
        ShardKeeper(Worker.objects.create(name=name, heartbeat=timezone.now(), process=process, shards=told), told)
        for name, process, told in (("sleeping", OF_ANOTHER_MACHINE, [0, 1]), ("gone", dead, [2]))
    )
    first = ShardKeeper(Worker.objects.create(name="first", heartbeat=timezone.now(), process="first|pid:[1]|8|8"))
    for each in (sleeping, gone, first):
        each.look()
    assert first.held == [2, 3]  # of a process that has ended, and the one that nobody was told to take
    clock.go_on(database=3600.0, own=0.1)
    Worker.objects.filter(pk=sleeping.worker.pk).update(heartbeat=Now() - timedelta(hours=1))
    first.look()
    assert first.held == [2, 3]
    clock.go_on(database=LEASE + 1.0, own=LEASE + 1.0)
    first.look()
    assert first.held == [0, 1, 2, 3]


def test_the_databases_clock_is_read_in_seconds():
    from django.db import connection

    from jobs import tables

    assert tables.now(connection) == pytest.approx(timezone.now().timestamp(), abs=5.0)
