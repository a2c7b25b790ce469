"""Celery as the bell of jobs: a task carries a job's id, and whoever hears it claims the row and runs it.

Nothing else is in a task, and no result comes back, so tasks may come twice, late or never. Each shard of the fleet has
a queue beside that of jobs for nobody in particular; a worker listens to those of the shards that it takes.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection

from celery import Celery
from django.conf import settings

from jobs.running import celery_worker

JOBS = "jobs"
SECONDS_TO_CONNECT = 2.0
SECONDS_TO_ANSWER = 5.0


def queue_of(shard: int | None) -> str:
    return JOBS if shard is None else f"shard-{shard}"


def shards_of(queues: Collection[str]) -> list[int]:
    """Those whose queues are among these."""
    return [number for number in range(settings.SHARDS) if queue_of(number) in queues]


def _broker_url() -> str:
    """As Celery spells it: what channels calls unix:// is redis+socket:// there."""
    url: str = settings.REDIS_URL
    return f"redis+socket{url.removeprefix('unix')}" if url.startswith("unix:") else url


app = Celery("rovi")
app.conf.update(
    broker_url=_broker_url(),
    broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED} if settings.REDIS_URL.startswith("rediss:") else None,
    broker_transport_options={
        "global_keyprefix": "rovi:",
        "priority_steps": [0],
        "socket_connect_timeout": SECONDS_TO_CONNECT,
        "socket_timeout": SECONDS_TO_ANSWER,  # a Redis that is frozen must not hold up who calls
        "socket_keepalive": True,
        "max_retries": 0,  # of who calls; a worker tries again for ever
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_queues={name: {} for name in (JOBS, *map(queue_of, range(settings.SHARDS)))},
    task_default_queue=JOBS,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_pool="threads",
    worker_concurrency=2,
    worker_redirect_stdouts=False,
)


@app.task(name="jobs.run")  # type: ignore[untyped-decorator]  # Celery has no types
def run_job(job_id: int) -> None:
    celery_worker.run_called(job_id)
