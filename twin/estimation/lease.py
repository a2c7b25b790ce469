"""Which process may step an estimator: a lease by conditional UPDATE, and a fence that a commit is checked against.

The lease keeps two processes from doing the same work; the fence, which counts the claims, keeps the second of two from
writing it when a lease ran out under a process that was only slow.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db.models import F, Model, Q
from django.utils import timezone

from twin.models import EstimatorProgress

KEEP_SECONDS = 10.0  # after a commit, so that warm scripts stay where they are warm
SPARE_SECONDS = 60.0  # beyond the longest call, for what else a round does


def claim(ids: Collection[int], records: type[Model] = EstimatorProgress) -> dict[int, int]:
    """Those that this process may step now, with the fence of each. `records` have owner, lease_until and fence."""
    now = timezone.now()
    wanted = records._default_manager.filter(pk__in=ids)
    held = wanted.filter(lease_until__gt=now).exclude(owner=this_process())
    dead = [owner for owner in set(held.values_list("owner", flat=True)) if _is_dead(owner)]
    free = Q(owner=this_process()) | Q(lease_until=None) | Q(lease_until__lte=now) | Q(owner__in=dead)
    wanted.filter(free).update(owner=this_process(), lease_until=_end_of_a_round(), fence=F("fence") + 1)
    return dict(wanted.filter(owner=this_process()).values_list("pk", "fence"))


def extend(estimator_id: int, fence: int) -> bool:
    """As long a lease as a new one, where nobody else has claimed it since; a commit leaves but a short one."""
    mine = EstimatorProgress.objects.filter(pk=estimator_id, owner=this_process(), fence=fence)
    return mine.update(lease_until=_end_of_a_round()) > 0


def _end_of_a_round() -> datetime:
    return timezone.now() + timedelta(seconds=3 * settings.SANDBOX_CALL_SECONDS + SPARE_SECONDS)


def release(ids: Collection[int], records: type[Model] = EstimatorProgress) -> None:
    """For what was claimed and then not stepped."""
    records._default_manager.filter(pk__in=ids, owner=this_process()).update(lease_until=None)


@cache
def _of_process(process: int) -> str:
    return f"{socket.gethostname()}|{_namespace()}|{process}|{_start_of(process)}"


def this_process() -> str:
    """Names this process so that no later one, on this machine or another, has the same name."""
    return _of_process(os.getpid())


def _is_dead(owner: str) -> bool:
    """Whether a process of this machine has ended; of another machine's only its lease can tell."""
    host, namespace, process, start = (owner.split("|") + [""] * 4)[:4]
    if host != socket.gethostname() or namespace != _namespace() or not process.isdigit():
        return False
    return _start_of(int(process)) != start


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start_of(process: int) -> str:
    """When it started, in the kernel's ticks; empty where there is no such process."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]  # field 22; the name in brackets may hold anything
