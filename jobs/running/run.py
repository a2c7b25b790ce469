"""Run one claimed job and write down how it ended."""

from __future__ import annotations

import logging
import traceback
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import close_old_connections
from django.db.models import QuerySet
from django.utils import timezone

from access.auditing import Deed, doing
from access.errors import Refused
from jobs.errors import JobCancelled, LeaseLost
from jobs.models import Job, JobLine, Level, State
from jobs.passing import passes_by_itself
from jobs.registry import kind_named
from jobs.running.report import Report
from jobs.running.under_way import under_way

log = logging.getLogger(__name__)


def run_job(job: Job) -> None:
    """Calls the function of `job` and records its result, its refusal, its cancellation or its traceback.

    Where the database went away meanwhile, the job is begun again if it has tries left. Raises django.db.Error when not
    even that can be written; then its lease runs out, and it is taken back.
    """
    with under_way(job.pk), _as_its_requester(job):
        _run(job, Report(job))


def _as_its_requester(job: Job) -> AbstractContextManager[None]:
    """What a job changes is the doing of who asked for it."""
    return doing(Deed("job", user=job.requested_by)) if job.requested_by else nullcontext()


def _run(job: Job, report: Report) -> None:
    try:
        result = kind_named(job.kind).function(report, **job.arguments)
    except JobCancelled as cancelled:
        _end(job, State.CANCELLED, message=f"Cancelled by {cancelled}.")
    except LeaseLost as lost:
        log.warning("%s Its run here stopped.", lost)
    except Refused as refused:
        if _was_away(refused.__cause__) and _begin_again(job):
            return
        _end(job, State.FAILED, error=refused.message + (f" {refused.hint}" if refused.hint else ""))
    except Exception as error:
        if _was_away(error) and _begin_again(job):
            return
        log.warning("Job #%s (%s) failed: %s", job.pk, job.kind, error, exc_info=True)
        _end(job, State.FAILED, error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    else:
        _end(job, State.DONE, progress=1.0, result=result)


def _was_away(error: BaseException | None) -> bool:
    """Whether the database did not answer, which is no fault of the job."""
    return isinstance(error, Exception) and passes_by_itself(error)


def _begin_again(job: Job) -> bool:
    """Queues it once more; False where it has no more tries."""
    if job.tries >= job.max_tries:
        return False
    close_old_connections()  # one that broke would fail for ever
    log.warning("Job #%s (%s) is queued again: the database did not answer.", job.pk, job.kind)
    again = "The database did not answer; queued again."
    _owned(job).update(state=State.QUEUED, lease_until=None, message=again)
    JobLine.objects.create(job=job, level=Level.WARNING, text=again)
    return True


def _owned(job: Job) -> QuerySet[Job]:
    """The job's row while this try owns it."""
    return Job.objects.filter(pk=job.pk, state=State.RUNNING, worker=job.worker_id, tries=job.tries)


def _end(job: Job, state: str, **values: Any) -> None:
    """Closes the job unless another try owns it by now."""
    ended = _owned(job).update(state=state, finished=timezone.now(), lease_until=None, **values)
    if not ended:
        log.warning("Job #%s ended as %s here, but another worker owns it; nothing was written.", job.pk, state)
    elif state == State.FAILED:
        JobLine.objects.create(job=job, level=Level.ERROR, text=values["error"])
