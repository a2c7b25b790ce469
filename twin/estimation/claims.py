"""Which process may step an estimator, or measure a battery: the one that holds its shard (jobs.shards).

A shard's lease keeps two processes from doing the same work. The fence of each record, which counts the processes that
took it over, keeps the second of two from writing it when a lease ran out under a process that was only slow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import F, Model

from jobs.running.process import this_process
from jobs.shards import still_held
from twin.models import EstimatorProgress


def claim(ids: Collection[int], records: type[Model] = EstimatorProgress) -> dict[int, int]:
    """Those that this process may step now, with the fence of each. `records` have owner and fence.

    What it stepped last is its own; so with thousands of them a claim writes only what has changed hands.
    """
    wanted = records._default_manager.filter(pk__in=ids)
    of_others = dict(wanted.exclude(owner=this_process()).values_list("pk", _battery_of(records)))
    if of_others:
        with transaction.atomic():
            mine = still_held(of_others.values())
            free = [pk for pk, battery_id in of_others.items() if battery_id in mine]
            wanted.filter(pk__in=free).update(owner=this_process(), fence=F("fence") + 1)
    return dict(wanted.filter(owner=this_process()).values_list("pk", "fence"))


def still_mine(
    fences: Mapping[int, int], batteries: Mapping[int, int], records: type[Model] = EstimatorProgress
) -> set[int]:
    """Which of them no other process has claimed since, and whose battery's shard is held. Locks them.

    Called in the transaction that writes what came of them; by key their fences as claimed, and their batteries.
    """
    held = still_held(batteries.values())
    now = dict(
        records._default_manager.select_for_update()
        .filter(pk__in=fences, owner=this_process())
        .order_by("pk")
        .values_list("pk", "fence")
    )
    return {pk for pk, fence in fences.items() if now.get(pk) == fence and batteries[pk] in held}


def _battery_of(records: type[Model]) -> str:
    return "estimator__battery_id" if records is EstimatorProgress else "battery_id"
