"""Which shards a worker holds: a lease for each, renewed while the worker lives, and a fence that commits check.

Every second a worker looks at all shards: it takes free ones up to its fair share of them, and gives up what is
above. Free is what nobody holds, whose lease ran out, or whose process has ended on this machine. Leases are read and
written by the database's clock, so that those of the workers' machines need not agree.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Collection, Iterator
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from jobs.models import Shard, Worker
from jobs.queries import alive_workers
from jobs.running.process import is_dead
from jobs.running.waking import Waking
from jobs.shards import Round, this_round

log = logging.getLogger(__name__)

RENEWALS_A_LEASE = 6
WARN_EVERY_SECONDS = 60.0


class ShardKeeper:
    """Of one worker. `told`: the numbers it shall take and no others; None: its share of those told to nobody."""

    def __init__(self, worker: Worker, told: Collection[int] | None = None, waking: Waking | None = None) -> None:
        self.worker = worker
        self._waking = waking or Waking()
        self.told = None if told is None else frozenset(told)
        self._held: dict[int, int] = {}  # number to fence
        self._leaving: set[int] = set()
        self._rounds: dict[int, frozenset[int]] = {}  # thread to what it works on
        self._lock = threading.Lock()
        self._renew_at = self._warn_at = 0.0

    @property
    def held(self) -> list[int]:
        return sorted(self._held)

    @contextlib.contextmanager
    def round(self) -> Iterator[None]:
        """Inside, this thread works on what is held now; that is given up only after its end."""
        me = threading.get_ident()
        with self._lock:
            held = dict(self._held)
            self._rounds[me] = frozenset(held)
        token = this_round.set(Round(self.worker.process, held))
        try:
            yield
        finally:
            this_round.reset(token)
            with self._lock:
                del self._rounds[me]

    def look(self) -> None:
        """Renews, notices what was lost, gives up what is above its share, and takes what is free below it."""
        if not self._has_a_part() or not self._shards_are_made():
            return
        self.renew()
        self._notice_changes()
        wanted, most = self._share()
        kept = [number for number in self.held if number in wanted][:most]
        self._give_up(set(self.held) - set(kept))
        self._take(wanted, most - len(self._held) - len(self._leaving))

    def release(self) -> None:
        """At the end of the worker, when no round is under way."""
        with self._lock:
            self._held, self._leaving = {}, set()
        self._mine().update(owner="", worker=None, lease_until=None)

    def _has_a_part(self) -> bool:
        return self.told is None or bool(self.told)

    def _mine(self) -> QuerySet[Shard]:
        return Shard.objects.filter(owner=self.worker.process)

    def _shards_are_made(self) -> bool:
        """As many as the setting says; no other number while somebody holds one of those."""
        if Shard.objects.count() == settings.SHARDS:
            return True
        with transaction.atomic():
            found = set(Shard.objects.select_for_update().order_by("number").values_list("number", flat=True))
            if any(not is_dead(owner) for owner in _holders() - {self.worker.process}):
                self._warn(len(found))
                return False
            Shard.objects.filter(number__gte=settings.SHARDS).delete()
            missing = sorted(set(range(settings.SHARDS)) - found)
            Shard.objects.bulk_create([Shard(number=number) for number in missing], ignore_conflicts=True)
        return True

    def _warn(self, found: int) -> None:
        if time.monotonic() < self._warn_at:
            return
        self._warn_at = time.monotonic() + WARN_EVERY_SECONDS
        log.warning(
            "ROVI_SHARDS is %s here, but other workers share the fleet in %s shards; this one estimates nothing until "
            "they have ended. Set it alike for all.",
            settings.SHARDS,
            found,
        )

    def renew(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        with transaction.atomic():
            # In the order in which commits lock them, so that neither waits for the other in a ring.
            mine = list(self._mine().order_by("number").select_for_update().values_list("number", flat=True))
            self._mine().filter(number__in=mine).update(lease_until=_lease_end())
        self._renew_at = time.monotonic() + settings.JOB_LEASE_SECONDS / RENEWALS_A_LEASE

    def _notice_changes(self) -> None:
        now = dict(self._mine().values_list("number", "fence"))
        with self._lock:
            lost = [number for number, fence in self._held.items() if now.get(number) != fence]
            self._leaving &= now.keys()
            self._held = {number: fence for number, fence in now.items() if number not in self._leaving}
        if lost:
            log.warning("Shards %s were taken over by another worker while this one was silent.", _listed(lost))

    def _share(self) -> tuple[set[int], int]:
        """The numbers that it may take, and how many of them."""
        if self.told is not None:
            return set(self.told), len(self.told)
        others = [
            each
            for each in alive_workers().filter(draining=None).exclude(pk=self.worker.pk)
            if not is_dead(each.process)
        ]
        told_to_others = {number for each in others for number in each.shards or ()}
        wanted = set(range(settings.SHARDS)) - told_to_others
        sharing = 1 + sum(each.shards is None for each in others)
        return wanted, math.ceil(len(wanted) / sharing)

    def _give_up(self, numbers: Collection[int]) -> None:
        """New rounds go without them at once; they are free when no round that began before works on them."""
        with self._lock:
            for number in numbers:
                del self._held[number]
            self._leaving |= set(numbers)
            at_work: frozenset[int] = frozenset().union(*self._rounds.values())
            done = self._leaving - at_work
            self._leaving &= at_work
        if done:
            self._mine().filter(number__in=done).update(owner="", worker=None, lease_until=None)
            log.info("Leaves shards %s to other workers.", _listed(done))

    def _take(self, wanted: Collection[int], room: int) -> None:
        if room <= 0:
            return
        free = Q(lease_until=None) | Q(owner__in=list(filter(is_dead, _owners())))
        if not self._waking.is_recent():
            # Longer than any lease: it was taken before the clock was set back. Who holds it and lives renews it, or is
            # refused at its next commit.
            beyond = Now() + timedelta(seconds=2 * settings.JOB_LEASE_SECONDS)
            free |= Q(lease_until__lte=Now()) | Q(lease_until__gt=beyond)
        found = Shard.objects.filter(free, number__in=wanted).order_by("number").values_list("number", flat=True)
        if not found.exists():
            return
        with transaction.atomic():
            # One that a commit has locked is somebody's who lives, or is free a moment later: nobody waits for it.
            taken = list(found.select_for_update(skip_locked=True)[:room])
            Shard.objects.filter(number__in=taken).update(
                owner=self.worker.process, worker=self.worker, lease_until=_lease_end(), taken=Now(),
                fence=F("fence") + 1,
            )  # fmt: skip
            fences = dict(Shard.objects.filter(number__in=taken).values_list("number", "fence"))
        with self._lock:
            self._held |= fences
        if taken:
            log.info("Takes shards %s of %s.", _listed(taken), settings.SHARDS)


def _holders() -> set[str]:
    """Names of the processes whose leases have not run out."""
    return set(Shard.objects.filter(lease_until__gt=Now()).values_list("owner", flat=True))


def _owners() -> set[str]:
    return set(Shard.objects.exclude(owner="").values_list("owner", flat=True))


def _lease_end() -> CombinedExpression:
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
