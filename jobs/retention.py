"""Jobs that ended long ago go, with their logs, and workers not heard of since, where the settings say so."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from jobs.models import Job, State, Worker
from jobs.registry import duty

SECONDS_BETWEEN_LOOKS = 60.0
JOBS_A_TRANSACTION = 200

_looked = -math.inf


@duty("retention of jobs")
def delete_old_jobs() -> bool:
    """Tells whether there may be more to do."""
    global _looked
    if settings.JOBS_DAYS is None or time.monotonic() - _looked < SECONDS_BETWEEN_LOOKS:
        return False
    if delete_ended_before(settings.JOBS_DAYS):
        return True
    _looked = time.monotonic()
    return False


def delete_ended_before(days: float) -> bool:
    """Some of what ended so many days ago; tells whether there may be more."""
    before = timezone.now() - timedelta(days=days)
    old = Job.objects.filter(state__in=State.ENDED, finished__lt=before).order_by("id")
    some = list(old.values_list("pk", flat=True)[:JOBS_A_TRANSACTION])
    Job.objects.filter(pk__in=some).delete()
    Worker.objects.filter(heartbeat__lt=before, jobs=None).delete()
    return len(some) == JOBS_A_TRANSACTION
