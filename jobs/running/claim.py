"""Who runs what: claims are conditional UPDATEs with a lease, so that a job runs once however often it is offered."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Job, State, Worker
from jobs.registry import tallies
from jobs.running.ahead import jobs_left_ahead
from jobs.running.under_way import jobs_under_way


def claim_next_job(worker: Worker, waiting_seconds: float = 0.0) -> Job | None:
    """The oldest queued job, of those that have waited so long, now running under `worker`; None where none waits."""
    queued = Job.objects.filter(state=State.QUEUED)
    if waiting_seconds:
        queued = queued.filter(created__lte=Now() - timedelta(seconds=waiting_seconds))
    while True:
        candidate = queued.order_by("id").values_list("id", flat=True).first()
        if candidate is None:
            return None
        job = claim(candidate, worker)
        if job is not None:
            return job


def claim(job_id: int, worker: Worker) -> Job | None:
    """That job under `worker`, or None where another was first."""
    now = timezone.now()
    claimed = Job.objects.filter(pk=job_id, state=State.QUEUED).update(
        state=State.RUNNING, worker=worker, lease_until=_lease_end(), started=now, tries=F("tries") + 1, progress=0.0
    )
    return Job.objects.select_related("requested_by").get(pk=job_id) if claimed else None


def renew_leases(worker: Worker) -> None:
    Worker.objects.filter(pk=worker.pk).update(heartbeat=Now(), tallies=tallies())
    mine = Job.objects.filter(pk__in=jobs_under_way(), worker=worker, state=State.RUNNING)
    mine.update(lease_until=_lease_end())


def take_back_lost_jobs() -> int:
    """Queues again, or fails, jobs whose worker is silent past its lease; returns how many."""
    lost = Q(state=State.RUNNING) & (Q(lease_until__lt=Now()) | Q(pk__in=jobs_left_ahead()))
    # The last try is over first: the second UPDATE would make a job queued that the first should have failed.
    failed = Job.objects.filter(lost, tries__gte=F("max_tries")).update(
        state=State.FAILED,
        finished=timezone.now(),
        error="Its worker vanished while it ran. Retry it once a worker is alive.",
    )
    queued = Job.objects.filter(lost, tries__lt=F("max_tries")).update(
        state=State.QUEUED, message="Its worker vanished; queued again."
    )
    return failed + queued


def _lease_end() -> CombinedExpression:
    """By the database's clock: those of several machines need not agree."""
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)
