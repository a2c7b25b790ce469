"""The verbs on a job from outside: queue it, cancel it, retry it, wait for it."""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.auditing import note
from jobs.calling import call_a_worker
from jobs.errors import JobHasEnded, JobHasNotFailed
from jobs.models import Job, JobLine, State
from jobs.registry import kind_named


def enqueue(
    kind: str,
    *,
    subject: str = "",
    title: str = "",
    arguments: dict[str, Any] | None = None,
    requested_by: Any = None,
    max_tries: int = 1,
    shard: int | None = None,
) -> Job:
    """Queues a job of a registered kind. With `max_tries` above 1 it is begun again when its worker vanishes.

    Such a job must bear being run twice: the first run may have done all but say so. A job for one battery is called
    out to whoever holds its `shard`; any worker may take it.
    """
    known = kind_named(kind)
    job = Job.objects.create(
        kind=kind,
        subject=subject,
        title=title or known.title,
        arguments=arguments or {},
        requested_by=requested_by,
        max_tries=max_tries,
        shard=shard,
    )
    call_a_worker(job)
    return job


def cancel(job: Job, by: str) -> Job:
    """Ends a queued job now; asks a running one to stop at its next report. Raises JobHasEnded."""
    with transaction.atomic():
        ended = Job.objects.filter(pk=job.pk, state=State.QUEUED).update(
            state=State.CANCELLED, cancel_requested_by=by, finished=timezone.now(), message=f"Cancelled by {by}."
        )
        if not ended and not Job.objects.filter(pk=job.pk, state=State.RUNNING).update(cancel_requested_by=by):
            job.refresh_from_db()
            raise JobHasEnded(job.pk, job.state)
        note("cancelled", job, changes={"state": [job.state, State.CANCELLED]})
    job.refresh_from_db()
    return job


def retry(job: Job, by: Any) -> Job:
    """Queues the same work anew and links both. Raises JobHasNotFailed for one that has not failed, or was retried."""
    with transaction.atomic():
        found = Job.objects.select_for_update().get(pk=job.pk)
        if found.state not in (State.FAILED, State.CANCELLED):
            raise JobHasNotFailed(found.pk, f"is {found.state}")
        if found.retried_as_id:
            raise JobHasNotFailed(found.pk, f"was retried as #{found.retried_as_id}")
        fresh = enqueue(
            found.kind,
            subject=found.subject,
            title=found.title,
            arguments=found.arguments,
            requested_by=by,
            max_tries=found.max_tries,
            shard=found.shard,
        )
        found.retried_as = fresh
        found.save(update_fields=["retried_as"])
        note("retried", found, note=f"as #{fresh.pk}")
        JobLine.objects.create(job=found, text=f"Retried as #{fresh.pk}.")
        JobLine.objects.create(job=fresh, text=f"Retry of #{found.pk}.")
    return fresh


def wait_for(job: Job, seconds: float, every: float = 0.05) -> Job:
    """The job once it has ended, or as it stands after `seconds`. Blocks its thread: never call it on an event loop."""
    until = time.monotonic() + seconds
    job.refresh_from_db()
    while not job.has_ended and time.monotonic() < until:
        time.sleep(every)
        job.refresh_from_db()
    return job
