"""Calls a worker when a job is queued, where there is Redis. The row is the truth: a call that is lost is a delay."""

from __future__ import annotations

import logging
import time
from functools import partial

from django.conf import settings
from django.db import transaction

from jobs.models import Job

log = logging.getLogger(__name__)

SILENT_SECONDS = 5.0  # after a call that failed: requests shall not wait for a Redis that is gone

_silent_until = 0.0


def call_a_worker(job: Job) -> None:
    """When the job's row is committed. Without REDIS_URL workers look for jobs by themselves."""
    if settings.REDIS_URL:
        transaction.on_commit(partial(_call, job.pk, job.shard))


def get_ready() -> None:
    """Imports what a call needs, which takes half a second: before a web process serves, not in a request."""
    if settings.REDIS_URL:
        from jobs.running.celery_app import app  # noqa: PLC0415  (Celery costs time and memory; only with Redis)

        app.finalize()
        app.connection_for_write().get_transport_cls()


def _call(job_id: int, shard: int | None) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    from kombu.exceptions import OperationalError  # noqa: PLC0415  (Celery costs time and memory; only with Redis)

    from jobs.running.celery_app import queue_of, run_job  # noqa: PLC0415  (as above)

    try:
        run_job.apply_async(args=[job_id], queue=queue_of(shard), retry=False)
    except (OperationalError, OSError) as error:
        _silent_until = time.monotonic() + SILENT_SECONDS
        log.warning("Redis does not answer (%s); workers find job #%s when they look by themselves.", error, job_id)
