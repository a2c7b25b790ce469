"""The fleet in shards: each is held by one worker, shared fairly, told apart by who lives, and never by two."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Shard, Worker
from jobs.running.process import is_dead, start_of, this_process
from jobs.running.shards import ShardKeeper
from jobs.shards import in_this_round, shard_of, still_held, this_round

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def eight_shards(settings):
    settings.SHARDS = 8


@pytest.fixture
def keeper():
    """`keeper("w1", told=[0, 1])`: of a worker on a machine of its own: only its lease tells whether it lives."""

    def make(name, told=None, process=None):
        shards = None if told is None else sorted(told)
        of_its_own = process or f"{name}|pid:[1]|7|7"
        worker = Worker.objects.create(name=name, heartbeat=timezone.now(), process=of_its_own, shards=shards)
        return ShardKeeper(worker, told)

    return make


def let_leases_run_out(*keepers):
    for each in keepers:
        Shard.objects.filter(worker=each.worker).update(lease_until=Now() - timedelta(seconds=1))
        Worker.objects.filter(pk=each.worker.pk).update(heartbeat=Now() - timedelta(hours=1))


def test_one_worker_alone_holds_all(keeper):
    alone = keeper("w1")
    alone.look()
    assert alone.held == list(range(8))
    assert set(Shard.objects.values_list("owner", "fence")) == {(alone.worker.process, 1)}


def test_a_second_worker_gets_half_and_a_third_its_part(keeper):
    first = keeper("w1")
    first.look()
    second = keeper("w2")
    for each in (second, first, second):
        each.look()
    assert (first.held, second.held) == ([0, 1, 2, 3], [4, 5, 6, 7])

    third = keeper("w3")
    for _ in range(2):
        for each in (first, second, third):
            each.look()
    assert [len(each.held) for each in (first, second, third)] == [3, 3, 2]
    assert sorted(first.held + second.held + third.held) == list(range(8))


def test_a_worker_takes_what_it_is_told_and_others_leave_that_to_it(keeper):
    told, others = keeper("w1", told=[6, 7]), keeper("w2")
    for each in (others, told, others):
        each.look()
    assert (told.held, others.held) == ([6, 7], [0, 1, 2, 3, 4, 5])


def test_a_worker_for_jobs_alone_takes_none_and_counts_for_nobody(keeper):
    jobs_alone, other = keeper("w1", told=[]), keeper("w2")
    for each in (jobs_alone, other):
        each.look()
    assert (jobs_alone.held, len(other.held)) == ([], 8)


def test_what_a_silent_worker_held_is_taken_when_its_lease_ends_and_not_before(keeper):
    silent = keeper("w1")
    silent.look()
    other = keeper("w2")
    other.look()
    assert other.held == []
    let_leases_run_out(silent)
    other.look()
    assert other.held == list(range(8))
    assert set(Shard.objects.values_list("fence", flat=True)) == {2}


def test_what_a_worker_held_when_the_clock_was_set_back_is_taken_unless_it_lives(keeper):
    gone, other = keeper("w1"), keeper("w2")
    Worker.objects.filter(pk=other.worker.pk).update(stopped=Now())
    gone.look()
    an_hour_ahead = Now() + timedelta(hours=1)
    Shard.objects.update(lease_until=an_hour_ahead)
    Worker.objects.filter(pk=gone.worker.pk).update(heartbeat=an_hour_ahead)
    other.look()
    assert other.held == list(range(8))
    gone.look()  # it lived after all
    assert gone.held == []


def test_what_a_dead_process_of_this_machine_held_is_taken_at_once(keeper):
    host, namespace, process, _ = this_process().split("|")
    dead = keeper("w1", process=f"{host}|{namespace}|{process}|an earlier process of this number")
    dead.look()
    assert is_dead(dead.worker.process)
    other = keeper("w2", process=this_process())
    other.look()
    assert other.held == list(range(8))


def test_what_a_living_process_of_this_machine_holds_stays_its_own(keeper):
    host, namespace, _, _ = this_process().split("|")
    living = keeper("w1", process=f"{host}|{namespace}|1|{start_of(1)}")
    living.look()
    other = keeper("w2", process=this_process())
    other.look()
    assert (living.held, other.held) == (list(range(8)), [])


def test_a_worker_that_was_silent_for_too_long_notices_that_it_holds_nothing(keeper):
    silent = keeper("w1")
    silent.look()
    let_leases_run_out(silent)
    other = keeper("w2")
    other.look()
    silent._renew_at = 0.0
    silent._notice_changes()
    assert silent.held == []
    silent.renew()
    assert set(Shard.objects.values_list("owner", flat=True)) == {other.worker.process}


def test_a_lease_that_ran_out_and_that_nobody_took_goes_on_under_the_same_fence(keeper):
    alone = keeper("w1")
    alone.look()
    let_leases_run_out(alone)
    alone._renew_at = 0.0
    alone.look()
    assert alone.held == list(range(8))
    assert Shard.objects.filter(lease_until__gt=Now(), fence=1).count() == 8


def test_a_shard_is_given_up_only_after_the_rounds_that_work_on_it(keeper):
    first = keeper("w1")
    first.look()
    second = keeper("w2")
    with first.round():
        first.look()
        second.look()
        assert (first.held, second.held) == ([0, 1, 2, 3], [])
        assert still_held(range(8)) == set(range(8))
    first.look()
    second.look()
    assert second.held == [4, 5, 6, 7]


def test_a_round_that_outlived_its_lease_holds_nothing_where_it_commits(keeper):
    slow = keeper("w1")
    slow.look()
    other = keeper("w2", told=[1, 5])
    with slow.round():
        let_leases_run_out(slow)
        other.look()
        with transaction.atomic():
            assert still_held([1, 2, 5, 9, 13, 16]) == {2, 16}


def test_a_round_sees_the_batteries_of_its_shards_alone(keeper):
    told = keeper("w1", told=[shard_of(101), shard_of(110)])
    told.look()
    Worker.objects.bulk_create([Worker(pk=pk, name=str(pk), heartbeat=timezone.now()) for pk in range(100, 120)])
    with told.round():
        found = in_this_round(Worker.objects.filter(pk__gte=100), "pk")
        assert sorted(found.values_list("pk", flat=True)) == [101, 102, 109, 110, 117, 118]


def test_outside_of_a_worker_nothing_is_left_out():
    assert this_round.get() is None
    assert still_held([1, 2]) == {1, 2}


def test_the_number_of_shards_changes_when_nobody_holds_one_and_else_is_complained_of(keeper, settings, caplog):
    first = keeper("w1")
    first.look()
    settings.SHARDS = 4
    second = keeper("w2")
    second.look()
    assert second.held == []
    assert "ROVI_SHARDS is 4 here, but other workers share the fleet in 8 shards" in caplog.text
    let_leases_run_out(first)
    second.look()
    assert second.held == [0, 1, 2, 3]
    assert Shard.objects.count() == 4


def test_a_worker_that_ends_leaves_its_shards_free(keeper):
    first = keeper("w1")
    first.look()
    first.release()
    first.worker.delete()
    second = keeper("w2")
    second.look()
    assert second.held == list(range(8))
