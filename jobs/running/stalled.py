"""PostgreSQL sessions whose client froze while it copied rows in: they are ended, and with them their locks.

A transaction whose client says nothing is ended by the server (`tables.end_idle_transactions`); but one that waits for
the rest of a COPY counts as busy, for as long as its process is frozen.
"""

from __future__ import annotations

import logging
from time import monotonic

from django.conf import settings
from django.db import connection

from jobs import tables

log = logging.getLogger(__name__)


class StalledCopies:
    """What one process has seen of the copies that are under way."""

    def __init__(self) -> None:
        self._seen: dict[tables.Copying, tuple[int, float]] = {}

    def look(self) -> None:
        """Ends those that have not come forward for a lease. Not to be called just after this process was frozen."""
        now = monotonic()
        seen: dict[tables.Copying, tuple[int, float]] = {}
        for copying, done in tables.copies_under_way(connection).items():
            before, since = self._seen.get(copying, (done, now))
            seen[copying] = done, (since if before == done else now)
        self._seen = seen
        for copying, (_, since) in seen.items():
            if now - since >= settings.JOB_LEASE_SECONDS and tables.end_session(connection, copying):
                log.warning("Ended a session of the database that was silent for %.0f s amid a COPY.", now - since)
