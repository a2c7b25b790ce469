"""Jobs that ended long ago go, with their logs, where the settings say so; workers not heard of for long always do."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access.auditing import Deed, doing
from jobs.models import Job, State, Tally, Worker
from jobs.registry import duty

SECONDS_BETWEEN_LOOKS = 60.0
JOBS_A_TRANSACTION = 200
WORKERS_A_TRANSACTION = 200
WORKERS_DAYS = 30.0  # so long a list tells who was there; one that ran a job is kept as long as that
ROUTINE = Deed("retention", is_routine=True)

_looked = -math.inf


@duty("retention of jobs")
def delete_old_jobs() -> bool:
    """Tells whether there may be more to do."""
    global _looked
    if time.monotonic() - _looked < SECONDS_BETWEEN_LOOKS:
        return False
    with doing(ROUTINE):
        more = settings.JOBS_DAYS is not None and delete_ended_before(settings.JOBS_DAYS)
        more |= delete_workers_silent_for(WORKERS_DAYS if settings.JOBS_DAYS is None else settings.JOBS_DAYS)
    if more:
        return True
    _looked = time.monotonic()
    return False


def delete_ended_before(days: float) -> bool:
    """Some of what ended so many days ago; tells whether there may be more."""
    before = timezone.now() - timedelta(days=days)
    old = Job.objects.filter(state__in=State.ENDED, finished__lt=before).order_by("id")
    some = list(old.values_list("pk", flat=True)[:JOBS_A_TRANSACTION])
    Job.objects.filter(pk__in=some).delete()
    return len(some) == JOBS_A_TRANSACTION


def delete_workers_silent_for(days: float) -> bool:
    """Some of those of whom no job tells; what they counted is kept. Tells whether there may be more."""
    silent = Worker.objects.filter(heartbeat__lt=timezone.now() - timedelta(days=days), jobs=None).order_by("pk")
    if not silent.exists():
        return False
    with transaction.atomic():
        # Of two workers that do this at once the second finds nothing left.
        chosen = list(silent.values_list("pk", flat=True)[:WORKERS_A_TRANSACTION])
        locked = dict(
            Worker.objects.select_for_update().filter(pk__in=chosen).order_by("pk").values_list("pk", "tallies")
        )
        counted: Counter[str] = Counter()
        for tallies in locked.values():
            counted.update(tallies)
        for name, count in sorted(counted.items()):
            Tally.objects.get_or_create(name=name, defaults={"count": 0})
            Tally.objects.filter(name=name).update(count=F("count") + count)
        Worker.objects.filter(pk__in=locked).delete()
    return len(locked) == WORKERS_A_TRANSACTION
