"""Is the service alive, and is it ready? Open to all, and tells no more than that.

`live` says that the process answers: when it does not, restart it. `ready` says that it can do its work: while it
cannot, send it no requests. A worker that is missing is told but does not make the web server unready: rows are still
taken, and are estimated when one comes.
"""

from __future__ import annotations

import os
import shutil

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from datahub.ingest.writer import seconds_rows_wait
from jobs.queries import any_worker_is_alive

LONGEST_COMMIT_SECONDS = 10.0  # rows that wait longer meet a database that is locked, full or away
SPARE_BYTES = 64 * 2**20  # below this a commit may fail half way

_are_migrations_known_applied = False


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    try:
        missing = [] if migrations_are_applied() else ["migrations"]
        worker = "unknown" if missing else "alive" if any_worker_is_alive() else "none"
    except DatabaseError:
        missing, worker = ["database"], "unknown"
    if not disk_takes_more():
        missing.append("disk")
    if seconds_rows_wait() > LONGEST_COMMIT_SECONDS:
        missing.append("storing")
    status = {"status": "not ready" if missing else "ready", "worker": worker}
    return JsonResponse({**status, "missing": missing} if missing else status, status=503 if missing else 200)


def migrations_are_applied() -> bool:
    """Looked up until it is true once: no process unapplies them under a running one."""
    global _are_migrations_known_applied
    if _are_migrations_known_applied:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    else:
        executor = MigrationExecutor(connection)
        _are_migrations_known_applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _are_migrations_known_applied


def disk_takes_more() -> bool:
    try:
        return os.access(settings.ROVI_DATA, os.W_OK) and shutil.disk_usage(settings.ROVI_DATA).free > SPARE_BYTES
    except OSError:
        return False
