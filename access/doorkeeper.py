"""Open sockets and whether their callers may still have them: one look at the database every two seconds a process.

A socket may stay open for months; a token that is revoked, a logout, an account switched off or a role taken away ends
it within seconds. The look asks what is true now, so whatever changed it, and in which process, makes no difference.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import close_old_connections, connections
from django.utils import timezone

from access.authentication import Caller, NotAdmitted
from access.models import Token
from access.pacing import key_of, most_sockets
from access.roles import Role, role_of

LOOK_SECONDS = 2.0
SHARE_OF_TIME = 0.05  # with very many sockets looks become rarer rather than dearer
KEYS_A_QUERY = 500

CLOSE_UNKNOWN = 4401
CLOSE_FORBIDDEN = 4403
LOGGED_OUT = (CLOSE_UNKNOWN, "The login or token of this socket is no longer valid.")
ROLE_LOST = (CLOSE_FORBIDDEN, "Your role no longer allows this socket.")
RETRY_SECONDS = 10

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Guest:
    """One open socket or stream. `expel(code, reason)` is called once, on `loop`; in any thread where there is none."""

    caller: Caller
    least: Role
    loop: asyncio.AbstractEventLoop | None
    expel: Callable[[int, str], None]


class Doorkeeper:
    """The thread that looks. It starts with the first guest and ends with the last."""

    def __init__(self) -> None:
        self._guests: set[Guest] = set()
        self._sockets: Counter[Any] = Counter()
        self._lock = threading.Lock()
        self._nobody_left = threading.Event()
        self._thread: threading.Thread | None = None

    def admit(self, guest: Guest) -> None:
        """Raises NotAdmitted (429) where the caller holds as many sockets as its limit says."""
        key, most = _key(guest), most_sockets(guest.caller.token)
        with self._lock:
            if most and self._sockets[key] >= most:
                sentence = f"You hold {most} open sockets, which is your limit. Close one, or ask an administrator."
                raise NotAdmitted(429, sentence, RETRY_SECONDS)
            self._sockets[key] += 1
            self._guests.add(guest)
            self._nobody_left.clear()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="doorkeeper", daemon=True)
                self._thread.start()

    def leave(self, guest: Guest) -> None:
        """Does nothing for one that was never admitted, or has left."""
        with self._lock:
            if guest not in self._guests:
                return
            self._guests.remove(guest)
            key = _key(guest)
            self._sockets[key] -= 1
            if not self._sockets[key]:
                del self._sockets[key]
            if not self._guests:
                self._nobody_left.set()

    def _run(self) -> None:
        pause = LOOK_SECONDS
        while True:
            self._nobody_left.wait(pause)
            with self._lock:
                guests = list(self._guests)
                if not guests:
                    self._thread = None
                    break
            began = time.thread_time()
            try:
                for guest, why in those_to_expel(guests):
                    self._expel(guest, why)
            except Exception:  # a thread that ended here would leave revoked tokens their sockets for ever
                logger.exception("Whether open sockets are still allowed cannot be looked up; the next look follows")
            close_old_connections()
            pause = max(LOOK_SECONDS, (time.thread_time() - began) / SHARE_OF_TIME)
        connections.close_all()

    def _expel(self, guest: Guest, why: tuple[int, str]) -> None:
        self.leave(guest)
        if guest.loop is None:
            guest.expel(*why)
            return
        try:
            guest.loop.call_soon_threadsafe(guest.expel, *why)
        except RuntimeError:  # its event loop has ended, and the socket with it
            return


def those_to_expel(guests: list[Guest]) -> Iterator[tuple[Guest, tuple[int, str]]]:
    """With the close code and the reason. As few queries for a thousand sockets as for one."""
    now = timezone.now()
    people = get_user_model().objects.prefetch_related("groups")
    users = {
        user.pk: user
        for some in _chunks(guest.caller.user.pk for guest in guests)
        for user in people.filter(pk__in=some)
    }
    expiries = {
        key: expiry
        for some in _chunks(guest.caller.token.pk for guest in guests if guest.caller.token)
        for key, expiry in Token.objects.filter(pk__in=some).values_list("pk", "expiry")
    }
    sessions = {
        key
        for some in _chunks(guest.caller.session_key for guest in guests if guest.caller.session_key)
        for key in Session.objects.filter(session_key__in=some, expire_date__gt=now).values_list("pk", flat=True)
    }
    for guest in guests:
        caller, user = guest.caller, users.get(guest.caller.user.pk)
        if (
            user is None
            or not user.is_active
            or (caller.token is not None and _has_gone(caller.token.pk, expiries, now))
        ):
            yield guest, LOGGED_OUT
        elif caller.token is None and caller.user.password != user.password:
            yield guest, LOGGED_OUT  # a password that changed ends what it opened; tokens are revoked by themselves
        elif caller.session_key and caller.session_key not in sessions:
            yield guest, LOGGED_OUT
        elif role_of(user) < guest.least:
            yield guest, ROLE_LOST


def _has_gone(key: Any, expiries: dict[Any, Any], now: Any) -> bool:
    return key not in expiries or (expiries[key] is not None and expiries[key] <= now)


def _chunks(keys: Iterable[Any]) -> Iterator[list[Any]]:
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), KEYS_A_QUERY):
        yield wanted[start : start + KEYS_A_QUERY]


def _key(guest: Guest) -> tuple[str, Any]:
    return key_of(guest.caller.user, guest.caller.token)


doorkeeper = Doorkeeper()
