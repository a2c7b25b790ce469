"""A Celery worker is a worker like any other, whose job threads are Celery's; its duties go on without Redis too."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Collection
from typing import Any

from celery.signals import celeryd_after_setup, setup_logging, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import Error

from jobs.running.worker import WorkerProcess

POOLS = ("threads", "solo")

_process: WorkerProcess | None = None


def run_called(job_id: int) -> None:
    """What the task does."""
    assert _process is not None, "tasks run in a worker"
    _process.run_called(job_id)


def serve(job_threads: int, shards: Collection[int] | None) -> None:
    """What `celery -A rovi_site worker` does, and ends the process. `shards` None: any, empty: jobs alone."""
    from jobs.running.celery_app import JOBS, app, queue_of  # noqa: PLC0415  (it imports this module)

    numbers = range(settings.SHARDS) if shards is None else shards
    worker = app.Worker(
        hostname=f"rovi-{os.getpid()}@{socket.gethostname()}",
        concurrency=job_threads,
        queues=[JOBS, *map(queue_of, numbers)],
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode or 0)


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _leave_logging_alone(**_: Any) -> None:
    """Django has set it up."""


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _begin(instance: Any, **_: Any) -> None:
    global _process
    from jobs.running.celery_app import shards_of  # noqa: PLC0415  (it imports this module)

    pool = instance.pool_cls.__module__.rpartition(".")[2]
    if pool.removesuffix("s") not in {name.removesuffix("s") for name in POOLS}:
        raise SystemExit(
            f"ROVI's workers run jobs in threads beside estimation; the pool {pool} would fork that. Leave --pool away."
        )
    shards = shards_of(instance.app.amqp.queues.consume_from)
    is_any = len(shards) == settings.SHARDS
    told = None if is_any else shards
    try:
        _process = WorkerProcess(instance.concurrency, bool(shards), told, is_called=True, when_drained=_end_celery)
    except Error as error:
        raise SystemExit(f"The database does not answer, or was not migrated: {error}") from None
    _process.start()


def _end_celery() -> None:
    """As if somebody had asked the process: Celery takes no more tasks, and ends when those in hand have."""
    os.kill(os.getpid(), signal.SIGTERM)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _stop(**_: Any) -> None:
    if _process is not None:
        _process.stop()


@worker_shutdown.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _finish(**_: Any) -> None:
    """Celery has waited for its threads."""
    global _process
    process, _process = _process, None
    if process is not None:
        process.stop()
        process.finish()
