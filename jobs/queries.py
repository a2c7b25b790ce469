"""Questions about jobs and workers."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Job, State, Tally, Worker


def alive_workers() -> QuerySet[Worker]:
    """Workers whose heartbeat is younger than a lease and that have not ended.

    One from the future is of a time before the clock was set back: since then that worker has not been heard of.
    """
    lease = timedelta(seconds=settings.JOB_LEASE_SECONDS)
    return Worker.objects.filter(heartbeat__gt=Now() - lease, heartbeat__lt=Now() + lease, stopped=None)


def any_worker_is_alive() -> bool:
    return alive_workers().exists()


def jobs_of(subject: str) -> QuerySet[Job]:
    return Job.objects.filter(subject=subject)


def jobs_by_kind() -> list[tuple[str, str, int]]:
    """(kind, state, how many)"""
    return list(Job.objects.order_by().values_list("kind", "state").annotate(Count("id")))


def oldest_queued_seconds() -> float:
    """How long the oldest job waits already; 0 where none waits."""
    oldest = _oldest_queued()
    return 0.0 if oldest is None else max((timezone.now() - oldest).total_seconds(), 0.0)


def _oldest_queued() -> datetime | None:
    found: datetime | None = Job.objects.filter(state=State.QUEUED).aggregate(Min("created"))["created__min"]
    return found


def tallies_of_workers() -> dict[str, int]:
    """What the workers counted, by name, over all that there ever were."""
    while True:
        kept = _kept_tallies()
        found = Counter(kept)
        for tallies in Worker.objects.values_list("tallies", flat=True):
            found.update(tallies)
        if _kept_tallies() == kept:  # else a worker's record went meanwhile, and what it counted is in neither, or both
            return dict(found)


def _kept_tallies() -> dict[str, int]:
    return dict(Tally.objects.values_list("name", "count"))


def queue_summary() -> dict[str, object]:
    """How many jobs are in which state, and since when the oldest queued one waits."""
    counts = dict(Job.objects.order_by().values_list("state").annotate(Count("id")))
    return {"counts": counts, "oldest_queued": _oldest_queued()}
