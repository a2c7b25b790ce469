"""Parts of the fleet, so that several workers share it: each battery lies in one, and one worker at a time holds that.

A battery's estimators and its measurements lie in the battery's shard. Which of them a thread may work on now is what
its round holds (jobs.running.shards).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import ExpressionWrapper, F, IntegerField, QuerySet

from jobs import tables


@dataclass(frozen=True)
class Round:
    """A worker's turn at its duties: under which name it holds which shards, each with the fence it got with it."""

    owner: str
    held: Mapping[int, int]


# None outside of a worker, such as in a command or a test: there nobody shares the work.
this_round: ContextVar[Round | None] = ContextVar("this_round", default=None)


def shard_of(battery_id: int) -> int:
    return battery_id % settings.SHARDS


def in_this_round(found: QuerySet[Any], battery: str) -> QuerySet[Any]:
    """Those records whose battery lies in a shard that this round holds; `battery` is the path to the battery's id."""
    now = this_round.get()
    if now is None or len(now.held) == settings.SHARDS:
        return found
    shard = ExpressionWrapper(F(battery) % settings.SHARDS, output_field=IntegerField())
    return found.alias(shard=shard).filter(shard__in=list(now.held))


def is_in_this_round(battery_id: int) -> bool:
    now = this_round.get()
    return now is None or shard_of(battery_id) in now.held


def still_held(battery_ids: Iterable[int]) -> set[int]:
    """Those whose shard nobody else has taken since this round began. Called in a transaction, and true to its end:
    on PostgreSQL the shards are locked against being taken until then; SQLite has one transaction at a time.
    """
    now = this_round.get()
    if now is None:
        return set(battery_ids)
    fences = tables.lock_shards_of(connection, now.owner)
    mine = {number for number, fence in now.held.items() if fences.get(number) == fence}
    return {battery_id for battery_id in battery_ids if shard_of(battery_id) in mine}
