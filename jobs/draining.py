"""Ask a worker to end in good order, from wherever it runs."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from access.auditing import note
from jobs.errors import WorkerGone
from jobs.models import Worker
from jobs.queries import alive_workers


def drain(worker: Worker) -> bool:
    """It finishes what it has, takes nothing new and ends; within a sixth of a lease it knows.

    False where it was asked before. Raises WorkerGone for one that has ended or is lost.
    """
    if not alive_workers().filter(pk=worker.pk).exists():
        raise WorkerGone(worker.name)
    with transaction.atomic():
        asked = Worker.objects.filter(pk=worker.pk, draining=None).update(draining=timezone.now())
        if asked:
            note("drained", worker)
    worker.refresh_from_db(fields=["draining"])
    return bool(asked)
