"""Run one claimed job and write down how it ended."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from django.utils import timezone

from access.errors import Refused
from jobs.errors import JobCancelled, LeaseLost
from jobs.models import Job, JobLine, State
from jobs.registry import kind_named
from jobs.running.report import Report

log = logging.getLogger(__name__)


def run_job(job: Job) -> None:
    """Calls the function of `job` and records its result, its refusal, its cancellation or its traceback."""
    report = Report(job)
    try:
        result = kind_named(job.kind).function(report, **job.arguments)
    except JobCancelled as cancelled:
        _end(job, State.CANCELLED, message=f"Cancelled by {cancelled}.")
    except LeaseLost as lost:
        log.warning("%s Its run here stopped.", lost)
    except Refused as refused:
        _end(job, State.FAILED, error=refused.message + (f" {refused.hint}" if refused.hint else ""))
    except Exception as error:
        log.warning("Job #%s (%s) failed: %s", job.pk, job.kind, error, exc_info=True)
        _end(job, State.FAILED, error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    else:
        _end(job, State.DONE, progress=1.0, result=result)


def _end(job: Job, state: str, **values: Any) -> None:
    """Closes the job unless another try owns it by now."""
    ended = Job.objects.filter(pk=job.pk, state=State.RUNNING, worker=job.worker_id, tries=job.tries).update(
        state=state, finished=timezone.now(), lease_until=None, **values
    )
    if not ended:
        log.warning("Job #%s ended as %s here, but another worker owns it; nothing was written.", job.pk, state)
    elif state == State.FAILED:
        JobLine.objects.create(job=job, text=values["error"])
