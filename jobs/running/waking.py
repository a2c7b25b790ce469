"""A machine that was suspended wakes: all leases have run out, and whoever wakes first must not take what others hold.

Leases are by the database's clock. While a machine sleeps that goes on, or jumps when it wakes, and the clock by which
a process knows how long it has worked stands still; while only a process is frozen, both go on. So where the first went
ahead of the second by more than looking can take, everybody gets a lease's time to renew what he holds.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic

from django.conf import settings
from django.db import connection

from jobs import tables

log = logging.getLogger(__name__)

JUMPS_A_LEASE = 6  # a jump of this part of a lease counts: no longer passes between two renewals


class Waking:
    """What one process knows of the database's clock against its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: tuple[float, float] | None = None
        self._until = 0.0

    def is_recent(self) -> bool:
        """Whether the clock jumped ahead less than a lease ago. Call it before anything is taken from others."""
        with self._lock:
            began = monotonic()
            now = tables.now(connection)
            ended = monotonic()
            if self._seen is not None:
                then, before = self._seen
                # At least: the answer may have come at any moment between both.
                jump = now - then - (ended - before)
                if jump > settings.JOB_LEASE_SECONDS / JUMPS_A_LEASE:
                    log.warning("The clock went ahead by %.0f s, as after a sleep: nothing is taken over yet.", jump)
                    self._until = ended + settings.JOB_LEASE_SECONDS
            self._seen = now, began
            return ended < self._until
