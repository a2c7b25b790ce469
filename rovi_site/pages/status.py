"""The page of the service itself: workers, queue, database, disk, walls of the sandbox, versions."""

from __future__ import annotations

import platform
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.queries import fleet_totals
from jobs.draining import drain
from jobs.models import Job, State, Worker
from jobs.queries import alive_workers, queue_summary
from rovi_site.pages.fleet import fleet_now, rows_a_second
from rovi_site.pages.words import Badge
from twin.queries import rows_behind_by_shard

SHOWN_WORKERS = 10
SHOWN_ERRORS = 20
LIBRARIES = (
    "rovi", "django", "channels", "daphne", "numpy", "pandas", "scipy", "battery-data-toolkit", "msgpack", "moirae",
)  # fmt: skip
FULL_SHARE = 0.9


@dataclass(frozen=True)
class WorkerRow:
    worker: Worker
    badge: Badge

    @property
    def can_be_drained(self) -> bool:
        return self.badge.word == "Alive"


@require_GET
@page_for(Role.VIEWER)
def status_page(request: HttpRequest) -> HttpResponse:
    from sandbox import probe_walls  # noqa: PLC0415  (brings numpy, which a web process boots without)

    now = timezone.now()
    latency = _database_latency()
    alive = set(alive_workers().values_list("pk", flat=True))
    workers = [WorkerRow(worker, _worker_badge(worker, alive)) for worker in Worker.objects.all()[:SHOWN_WORKERS]]
    queue: Any = queue_summary()
    disk = shutil.disk_usage(settings.ROVI_DATA)
    walls = probe_walls()
    context = {
        "latency_ms": latency * 1000,
        "database_name": connection.display_name,
        "queued": queue["counts"].get(State.QUEUED, 0),
        "running": queue["counts"].get(State.RUNNING, 0),
        "oldest_queued": queue["oldest_queued"],
        "workers": workers,
        "alive": len(alive),
        "may_drain": role_of(request.user) >= Role.ADMINISTRATOR,
        "disk_free": disk.free,
        "disk_share": disk.used / disk.total,
        "disk_is_full": disk.used / disk.total > FULL_SHARE,
        "totals": fleet_totals(),
        "rows_behind": sum(rows for _, rows in rows_behind_by_shard()),
        "rows_a_second": rows_a_second(fleet_now(is_shared=True)),
        "walls": [*walls.sentences()],
        "required_walls": settings.SANDBOX_REQUIRED_WALLS,
        "errors": Job.objects.filter(state=State.FAILED, retried_as=None)[:SHOWN_ERRORS],
        "versions": _versions(),
        "checked": now,
        "is_busy": bool(queue["oldest_queued"]) and _waits_long(queue["oldest_queued"], now),
    }
    return render(request, "pages/status.html", context)


@require_POST
@page_for(Role.ADMINISTRATOR)
def drain_worker(request: HttpRequest, worker_id: int) -> HttpResponse:
    worker = Worker.objects.filter(pk=worker_id).first()
    if worker is None:
        raise Http404(f"There is no worker {worker_id}.")
    try:
        drain(worker)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{worker.name} finishes what it has, takes nothing new, and ends.")
    return redirect("status")


def _database_latency() -> float:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return time.perf_counter() - began


def _waits_long(oldest: datetime, now: datetime) -> bool:
    return (now - oldest).total_seconds() > settings.JOB_LEASE_SECONDS


def _worker_badge(worker: Worker, alive: set[int]) -> Badge:
    if worker.pk in alive and worker.draining is not None:
        return Badge("Draining", "run", "run", "It finishes what it has, takes nothing new, and ends.")
    if worker.pk in alive:
        return Badge("Alive", "ok", "ok", "Its heartbeat is fresh.")
    if worker.stopped is not None:
        return Badge("Ended", "ended", "idle", "It ended in good order.")
    return Badge("Lost", "bad", "bad", "Its heartbeat stopped without a farewell; its jobs were taken over.")


def _versions() -> list[tuple[str, str]]:
    found = [("Python", platform.python_version()), ("System", f"{platform.system()} {platform.release()}")]
    if connection.vendor == "sqlite":
        import sqlite3  # noqa: PLC0415  (absent from some builds of Python that serve PostgreSQL alone)

        found.append(("SQLite", sqlite3.sqlite_version))
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    found.append(("Server", settings.ROVI_SERVER if "daphne" in sys.modules else "uvicorn"))
    return found
