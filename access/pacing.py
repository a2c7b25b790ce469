"""Limits of what one token, or one account that comes without, may send: rows a second and sockets at once.

Each web process counts for itself and keeps nothing. Who has no limit costs a look at None a frame.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from typing import Any

from django.conf import settings

from access.errors import Refused
from access.models import Token

BURST_SECONDS = 10.0  # what was not used of so long may be sent at once
LONGEST_WAIT = 30.0
PACES_KEPT = 10_000


class TooManyRows(Refused):
    code = "too_many_rows"
    status = 429
    hint = "Wait as many seconds as Retry-After says, or ask an administrator for a higher limit."

    def __init__(self, rate: int, seconds: float, rows: int = 0) -> None:
        most = int(rate * (BURST_SECONDS + LONGEST_WAIT))
        never = f" A frame of {rows:,} rows is never taken: send at most {most:,}." if rows > most else ""
        super().__init__(f"Your limit is {rate:,} rows a second, and more have come.{never}")
        self.retry_after = max(1, math.ceil(seconds))


class Pace:
    """Rows of one caller over time: sent ahead, they have to be waited for afterwards."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._paid_at = 0.0  # monotonic time at which all rows so far would have come at the allowed rate
        self._lock = threading.Lock()

    def take(self, rows: int) -> float:
        """How long to wait (s) before the next frame is read. Raises TooManyRows, taking nothing, past LONGEST_WAIT."""
        with self._lock:
            now = time.monotonic()
            paid_at = max(self._paid_at, now - BURST_SECONDS) + rows / self.rate
            if paid_at - now > LONGEST_WAIT:
                raise TooManyRows(self.rate, paid_at - now - LONGEST_WAIT, rows)
            self._paid_at = paid_at
            return max(0.0, paid_at - now)

    def refuse_if_owing(self) -> None:
        """Before a request's body is read. Raises TooManyRows."""
        owed = self._paid_at - time.monotonic()
        if owed > 0:
            raise TooManyRows(self.rate, owed)

    def charge(self, rows: int) -> None:
        """What a request held: it is taken whole, and the next one waits."""
        with self._lock:
            self._paid_at = max(self._paid_at, time.monotonic() - BURST_SECONDS) + rows / self.rate


_paces: OrderedDict[tuple[str, Any], Pace] = OrderedDict()
_lock = threading.Lock()


def pace_of(user: Any, token: Token | None) -> Pace | None:
    """One for all that this token, or account, sends in this process; None where it has no limit."""
    rate = _limit(token, "rows_per_second", settings.TOKEN_ROWS_PER_SECOND)
    if not rate:
        return None
    key = key_of(user, token)
    with _lock:
        pace = _paces.get(key)
        if pace is None or pace.rate != rate:
            pace = _paces[key] = Pace(rate)
        _paces.move_to_end(key)
        while len(_paces) > PACES_KEPT:
            _paces.popitem(last=False)
    return pace


def most_sockets(token: Token | None) -> int:
    """0: any number."""
    return _limit(token, "connections", settings.TOKEN_CONNECTIONS)


def key_of(user: Any, token: Token | None) -> tuple[str, Any]:
    return ("token", token.pk) if token is not None else ("user", user.pk)


def _limit(token: Token | None, field: str, otherwise: int) -> int:
    own: int | None = getattr(token, field) if token is not None else None
    return otherwise if own is None else own
