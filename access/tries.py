"""Tries to log in: counted before the slow hash is made, and answered with growing pauses where they are wrong.

Three counts are kept, in the database so that all web processes share them: of an account from one address, of an
address, and of an account. Somebody who logged in to this account from this address before is held to the first alone,
so a stranger's tries keep nobody out of an account that he uses from where he uses it. A right password takes back what
its try counted.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.utils import timezone

from access.addresses import whose_tries
from access.errors import Refused
from access.models import LoginTries

PAIR, ADDRESS, ACCOUNT = "pair", "address", "account"
BEARER = "token "  # before the first characters of a wrong one
FORGOTTEN_AFTER = timedelta(hours=1)
KNOWN_FOR = timedelta(days=30)
SWEEP_SECONDS = 600.0
# A hash costs 0.1 to 0.3 s of CPU: more at once than half the cores would leave the event loop none.
HASHES_AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
SECONDS_FOR_A_HASH = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """So many tries are free; each one after makes the next wait: 1 s, 2 s, 4 s, and at last `longest`."""

    free: int
    longest: float

    def pause_after(self, tries: int) -> float:
        return 0.0 if tries < self.free else min(self.longest, 2.0 ** (tries - self.free))


RULES = {PAIR: Rule(5, 300.0), ADDRESS: Rule(30, 60.0), ACCOUNT: Rule(100, 30.0)}


class LoginPaused(Refused):
    code = "login_paused"
    status = 429
    hint = "Wait as many seconds as Retry-After says. Sessions, tokens and passwords in use go on meanwhile."

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        super().__init__(f"Too many wrong tries to log in. The next is heard in {self.retry_after} s.")


@dataclass
class Try:
    """One that was counted. `was_known`: this account was used from this address in the last 30 days.

    paused: until when each count made others wait before it.
    """

    keys: dict[str, str]
    was_known: bool
    paused: dict[str, datetime | None] = field(default_factory=dict)

    def succeeded(self) -> None:
        try:
            with transaction.atomic():
                for row in LoginTries.objects.select_for_update().filter(pk__in=self.keys.values()).order_by("pk"):
                    row.tries = 0 if row.kind == PAIR else max(0, row.tries - 1)
                    # Whoever comes next waits as if this one had not tried.
                    row.paused_until = self.paused.get(row.kind) if row.tries >= RULES[row.kind].free else None
                    if row.kind == PAIR:
                        row.last_success = timezone.now()
                    row.save(update_fields=["tries", "paused_until", "last_success"])
        except DatabaseError:
            logger.exception("A right password could not be noted; its try stays counted")


def begin(account: str, address: str) -> Try:
    """Counts a try before it is judged. Raises LoginPaused where the caller has to wait first; that counts nothing.

    A database that takes no writes (a full disk, say) lets the try be judged uncounted: the password is still
    compared, and no more hashes are made at once than `room_to_hash` lets.
    """
    now, keys = timezone.now(), _keys(account, whose_tries(address))
    # Looked at first without the write lock, so that one who is refused costs a read.
    _judge({row.kind: row for row in LoginTries.objects.filter(pk__in=keys.values())}, now)
    try:
        return _count(keys, account, address, now)
    except DatabaseError:
        logger.exception("Tries to log in cannot be counted")
        return Try({}, was_known=True)  # what cannot be counted cannot be noted either


@contextmanager
def room_to_hash() -> Iterator[None]:
    """Waits for one of the few places; raises LoginPaused where none is free in time."""
    if not _places.acquire(timeout=SECONDS_FOR_A_HASH):
        raise LoginPaused(1.0)
    try:
        yield
    finally:
        _places.release()


_places = threading.BoundedSemaphore(HASHES_AT_ONCE)
_swept = 0.0


def _keys(account: str, address: str) -> dict[str, str]:
    named = {PAIR: f"{account}\0{address}", ADDRESS: address, ACCOUNT: account}
    return {kind: hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest() for kind, name in named.items()}


def _count(keys: dict[str, str], account: str, address: str, now: datetime) -> Try:
    _sweep(now)
    # People type passwords into the field of the name, so a name that is none is not kept.
    name = account if account.startswith(BEARER) or _is_an_account(account) else ""
    shown = {PAIR: (name, address), ADDRESS: ("", address), ACCOUNT: (name, "")}
    fresh = [
        LoginTries(key=key, kind=kind, account=shown[kind][0][:150], address=shown[kind][1][:45], last_try=now)
        for kind, key in keys.items()
    ]
    with transaction.atomic():
        LoginTries.objects.bulk_create(fresh, ignore_conflicts=True)
        found = LoginTries.objects.select_for_update().filter(pk__in=keys.values()).order_by("pk")
        rows = {row.kind: row for row in found}
        judged = _judge(rows, now)
        paused = {row.kind: row.paused_until for row in judged}
        for row in judged:
            row.tries = 1 + (row.tries if now - row.last_try < FORGOTTEN_AFTER else 0)
            row.last_try = now
            pause = RULES[row.kind].pause_after(row.tries)
            row.paused_until = now + timedelta(seconds=pause) if pause else None
            row.save(update_fields=["tries", "last_try", "paused_until"])
    return Try({row.kind: row.pk for row in judged}, _is_known(rows.get(PAIR), now), paused)


def _is_an_account(name: str) -> bool:
    return get_user_model().objects.filter(username=name).exists()


def _judge(rows: dict[str, LoginTries], now: datetime) -> list[LoginTries]:
    """The counts that hold for this caller; raises LoginPaused where one says wait."""
    holds = [rows[PAIR]] if _is_known(rows.get(PAIR), now) else list(rows.values())
    wait = max(((row.paused_until - now).total_seconds() for row in holds if row.paused_until), default=0.0)
    if wait > 0:
        raise LoginPaused(wait)
    return holds


def _is_known(pair: LoginTries | None, now: datetime) -> bool:
    return pair is not None and pair.last_success is not None and now - pair.last_success < KNOWN_FOR


def _sweep(now: datetime) -> None:
    """Forgets counts that hold for nobody any more, so that invented names do not pile up."""
    global _swept
    if time.monotonic() - _swept < SWEEP_SECONDS and _swept:
        return
    _swept = time.monotonic()
    stale = LoginTries.objects.filter(last_try__lt=now - FORGOTTEN_AFTER)
    (stale.filter(last_success=None) | stale.filter(last_success__lt=now - KNOWN_FOR)).delete()
