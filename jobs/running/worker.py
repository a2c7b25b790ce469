"""A worker process: threads that run jobs, one that does duties, one that keeps its leases fresh."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import socket
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from django import db
from django.conf import settings
from django.utils import timezone

from jobs.models import Worker
from jobs.registry import duties
from jobs.running.claim import claim_next_job, renew_leases, take_back_lost_jobs
from jobs.running.run import run_job

log = logging.getLogger(__name__)

PAUSE_AFTER_ERROR_SECONDS = 2.0
NAMED_LIBRARIES = ("django", "numpy", "pandas", "scikit-learn", "battery-data-toolkit")


class WorkerProcess:
    """Runs until `stop()` is called; then ends the work in hand and leaves its row marked as stopped."""

    def __init__(self, job_threads: int = 2, with_duties: bool = True) -> None:
        self.stopping = threading.Event()
        self.worker = Worker.objects.create(
            name=f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(3)}",
            heartbeat=timezone.now(),
            versions=_versions(),
        )
        self._threads = [
            threading.Thread(target=self._repeat, args=(self._keep_leases,), name="leases"),
            *(
                threading.Thread(target=self._repeat, args=(self._run_next_job,), name=f"jobs-{number}")
                for number in range(job_threads)
            ),
        ]
        if with_duties:
            for name, function in duties().items():
                self._threads.append(threading.Thread(target=self._repeat, args=(function,), name=f"duty-{name}"))

    def run(self) -> None:
        """Blocks until stopped."""
        for thread in self._threads:
            thread.start()
        self.stopping.wait()
        for thread in self._threads:
            thread.join()
        Worker.objects.filter(pk=self.worker.pk).update(stopped=timezone.now(), doing="")

    def stop(self) -> None:
        self.stopping.set()

    def _repeat(self, step: Callable[[], bool]) -> None:
        """Calls `step` again and again, at once while it finds work. What it raises is logged and tried again."""
        while not self.stopping.is_set():
            pause = settings.WORKER_TICK_SECONDS
            try:
                if step():
                    continue
            except db.Error as error:
                log.warning(
                    "%s: the database does not answer (%s); trying again.", threading.current_thread().name, error
                )
                pause = PAUSE_AFTER_ERROR_SECONDS
            except Exception:
                # A worker outlives what it runs: a fault in one duty must not end the others.
                log.exception("%s failed; trying again.", threading.current_thread().name)
                pause = PAUSE_AFTER_ERROR_SECONDS
            finally:
                db.close_old_connections()
            self.stopping.wait(pause)
        db.connections.close_all()

    def _run_next_job(self) -> bool:
        job = claim_next_job(self.worker)
        if job is None:
            return False
        Worker.objects.filter(pk=self.worker.pk).update(doing=str(job)[:200])
        run_job(job)
        Worker.objects.filter(pk=self.worker.pk).update(doing="")
        return True

    def _keep_leases(self) -> bool:
        renew_leases(self.worker)
        take_back_lost_jobs()
        until = time.monotonic() + settings.JOB_LEASE_SECONDS / 6
        while time.monotonic() < until and not self.stopping.wait(0.2):
            pass
        return True


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in NAMED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
