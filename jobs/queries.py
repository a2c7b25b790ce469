"""Questions about jobs and workers."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now

from jobs.models import Job, State, Worker


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


def queue_summary() -> dict[str, object]:
    """How many jobs are in which state, and since when the oldest queued one waits."""
    counts = dict(Job.objects.order_by().values_list("state").annotate(Count("id")))
    oldest = Job.objects.filter(state=State.QUEUED).aggregate(Min("created"))["created__min"]
    return {"counts": counts, "oldest_queued": oldest}
