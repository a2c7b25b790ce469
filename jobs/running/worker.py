"""A worker process: threads that run jobs, one for each duty, and those that keep its leases fresh."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import socket
import threading
from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django import db
from django.conf import settings
from django.db.backends.signals import connection_created
from django.utils import timezone

from jobs import tables
from jobs.models import Job, Worker
from jobs.registry import DutyFunction, duties
from jobs.running.claim import claim, claim_next_job, renew_leases, take_back_lost_jobs
from jobs.running.process import this_process
from jobs.running.run import run_job
from jobs.running.shards import ShardKeeper
from jobs.running.stalled import StalledCopies
from jobs.running.waking import Waking

log = logging.getLogger(__name__)

PAUSE_AFTER_ERROR_SECONDS = 2.0
SECONDS_BETWEEN_LOOKS_AT_SHARDS = 1.0
LEASES_A_LOOK = 6  # a lease lasts so many looks at leases, and at jobs whose call was lost
NAMED_LIBRARIES = ("django", "numpy", "pandas", "scikit-learn", "battery-data-toolkit")


class WorkerProcess:
    """Works until `stop()` is called; then ends the work in hand and leaves its row marked as stopped.

    `shards`: the numbers it is told to take; None: its share. `is_called`: jobs come by `run_called`, and it looks for
    them by itself only now and then; else that is how it finds them. `when_drained` is called once somebody asked it
    to end; None: `stop`.
    """

    def __init__(
        self,
        job_threads: int = 2,
        with_duties: bool = True,
        shards: Collection[int] | None = None,
        is_called: bool = False,
        when_drained: Callable[[], object] | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self._finished = threading.Event()
        told = shards if with_duties else ()
        self.worker = Worker.objects.create(
            name=f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(3)}",
            heartbeat=timezone.now(),
            versions=_versions(),
            process=this_process(),
            shards=None if told is None else sorted(told),
        )
        self._waking = Waking()
        self.keeper = ShardKeeper(self.worker, told, self._waking)
        self._stalled = StalledCopies()
        self._room = threading.BoundedSemaphore(job_threads)
        a_look = settings.JOB_LEASE_SECONDS / LEASES_A_LOOK
        self._keepers = [self._repeating("leases", self._keep_leases, a_look, self._finished)]
        if with_duties:
            self._keepers.append(
                self._repeating("shards", self._keep_shards, SECONDS_BETWEEN_LOOKS_AT_SHARDS, self._finished)
            )
        if is_called:
            # As many as jobs may run at once: while Redis is away these alone find them.
            self._threads = [self._repeating(f"sweep-{number}", self._sweep, a_look) for number in range(job_threads)]
        else:
            self._threads = [self._repeating(f"jobs-{number}", self._run_next_job) for number in range(job_threads)]
        self._duties: list[threading.Thread] = []
        if with_duties:
            self._duties = [self._repeating(f"duty-{name}", self._in_rounds(each)) for name, each in duties().items()]
        self._threads += self._duties
        self._when_drained = when_drained or self.stop

    def run(self) -> None:
        """Blocks until stopped."""
        self.start()
        self.stopping.wait()
        self.finish()

    def start(self) -> None:
        connection_created.connect(_end_idle_transactions)
        for thread in (*self._keepers, *self._threads):
            thread.start()

    def stop(self) -> None:
        self.stopping.set()

    def finish(self) -> None:
        """Waits for the work in hand, whose leases are kept until then."""
        for thread in self._threads:
            thread.join()
        self._finished.set()
        for thread in self._keepers:
            thread.join()
        connection_created.disconnect(_end_idle_transactions)
        self.keeper.release()
        Worker.objects.filter(pk=self.worker.pk).update(stopped=timezone.now(), doing="")

    def run_called(self, job_id: int) -> bool:
        """Runs the job that a call told of, once a thread is free; False where another was first, or it has ended."""
        with self._room:
            job = claim(job_id, self.worker)
            return job is not None and self._run(job)

    # --- its threads -----------------------------------------------------------------------------------------------
    def _repeating(
        self, name: str, step: Callable[[], bool], pause: float | None = None, until: threading.Event | None = None
    ) -> threading.Thread:
        return threading.Thread(target=self._repeat, args=(step, pause, until or self.stopping), name=name)

    def _repeat(self, step: Callable[[], bool], usual_pause: float | None, until: threading.Event) -> None:
        """Calls `step` again and again, at once while it finds work. What it raises is logged and tried again."""
        while not until.is_set():
            pause = settings.WORKER_TICK_SECONDS if usual_pause is None else usual_pause
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
            until.wait(pause)
        db.connections.close_all()

    def _in_rounds(self, duty: DutyFunction) -> Callable[[], bool]:
        def one_round() -> bool:
            with self.keeper.round():
                return duty()

        return one_round

    def _run_next_job(self) -> bool:
        job = claim_next_job(self.worker)
        return job is not None and self._run(job)

    def _sweep(self) -> bool:
        """Runs a job that waits although somebody was called for it: the call was lost, or its worker is."""
        if not self._room.acquire(blocking=False):
            return False
        try:
            job = claim_next_job(self.worker, settings.JOB_LEASE_SECONDS / LEASES_A_LOOK)
            return job is not None and self._run(job)
        finally:
            self._room.release()

    def _run(self, job: Job) -> bool:
        Worker.objects.filter(pk=self.worker.pk).update(doing=str(job)[:200])
        run_job(job)
        Worker.objects.filter(pk=self.worker.pk).update(doing="")
        return True

    def _keep_leases(self) -> bool:
        renew_leases(self.worker)
        if not self._waking.is_recent():
            take_back_lost_jobs()
            self._stalled.look()
        if not self.stopping.is_set() and Worker.objects.filter(pk=self.worker.pk, draining__isnull=False).exists():
            log.info("Asked to end: finishes what it has, and takes nothing new.")
            self._when_drained()
        return False

    def _keep_shards(self) -> bool:
        if self.stopping.is_set() and not any(thread.is_alive() for thread in self._duties):
            self.keeper.release()  # a job in hand may take hours, in which others estimate
        elif self.stopping.is_set():
            self.keeper.renew()
        else:
            self.keeper.look()
        return False


def _end_idle_transactions(connection: Any, **_: Any) -> None:
    """Locks of a worker that is frozen amid a transaction end with its lease, and so does the transaction."""
    tables.end_idle_transactions(connection, settings.JOB_LEASE_SECONDS)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in NAMED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
