"""Leases that end later than any lease can: they were written before the clock was set back.

By the clock they would hold for as long as it was set back. So they are watched by how long this process has seen them
unchanged: a worker that lives renews its leases several times in that while, by the clock as it is now.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from jobs.models import Job, State

_seen: dict[int, tuple[datetime | None, float]] = {}  # job to the lease's end, and when that was first seen


def jobs_left_ahead() -> list[int]:
    """Ids of the running jobs whose lease from the future nobody has renewed for as long as a lease lasts."""
    beyond = Now() + timedelta(seconds=2 * settings.JOB_LEASE_SECONDS)
    found = Job.objects.filter(state=State.RUNNING, lease_until__gt=beyond).values_list("pk", "lease_until")
    ends, now = dict(found), time.monotonic()
    for job in set(_seen) - ends.keys():
        del _seen[job]
    for job, end in ends.items():
        if job not in _seen or _seen[job][0] != end:
            _seen[job] = (end, now)
    return sorted(job for job, (_, since) in _seen.items() if now - since >= settings.JOB_LEASE_SECONDS)
