"""How a job's function tells of its progress, and hears that it should stop."""

from __future__ import annotations

import time

from django.utils import timezone

from jobs.errors import JobCancelled, LeaseLost
from jobs.models import Job, JobLine, Level, State

WRITE_EVERY_SECONDS = 0.5
WAIT_SECONDS = 2.0


class Report:
    """Handed to every job's function as its first argument."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._last_write = 0.0

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the job is, 0 to 1. Cheap to call often; raises JobCancelled or LeaseLost."""
        now = time.monotonic()
        if now - self._last_write < WRITE_EVERY_SECONDS:
            return
        self._last_write = now
        self._write(progress=min(max(fraction, 0.0), 1.0), message=message[:500])
        self.stop_if_cancelled()

    def wait(self, why: str) -> None:
        """For what cannot be had just now, such as room on the disk; raises JobCancelled or LeaseLost."""
        self._write(message=why[:500])
        self.stop_if_cancelled()
        time.sleep(WAIT_SECONDS)

    def log(self, line: str, level: str = Level.INFO) -> None:
        JobLine.objects.create(job=self.job, level=level, text=line)

    def stop_if_cancelled(self) -> None:
        by = Job.objects.filter(pk=self.job.pk).values_list("cancel_requested_by", flat=True).first()
        if by:
            raise JobCancelled(by)

    def _write(self, **values: object) -> None:
        """Writes only while this run still owns the job: another try, or another worker, has its own."""
        owned = Job.objects.filter(
            pk=self.job.pk, state=State.RUNNING, worker=self.job.worker_id, tries=self.job.tries
        ).update(**values)
        if not owned:
            raise LeaseLost(f"Job #{self.job.pk} was taken over at {timezone.now():%H:%M:%S} UTC.")
