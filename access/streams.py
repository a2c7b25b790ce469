"""Answers over HTTP that stay open: counted and ended as sockets are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request

from access.addresses import address_of
from access.authentication import Caller, NotAdmitted
from access.doorkeeper import Guest, doorkeeper
from access.errors import Refused
from access.roles import Role


class TooManyOpen(Refused):
    code = "too_many_open"
    status = 429

    def __init__(self, refused: NotAdmitted) -> None:
        super().__init__(refused.sentence)
        self.retry_after = refused.retry_after


def watched(request: Request, end: Callable[[], None]) -> Callable[[], None]:
    """Admits the caller of a stream; `end` is called, in any thread, once it may no longer be told anything.

    Returns what is to be called when the stream is over. Raises TooManyOpen.
    """
    session_key = "" if request.auth is not None else (request.session.session_key or "")
    token: Any = request.auth
    caller = Caller(request.user, token, session_key, address_of(request._request))
    guest = Guest(caller, Role.VIEWER, None, lambda code, reason: end())
    try:
        doorkeeper.admit(guest)
    except NotAdmitted as refused:
        raise TooManyOpen(refused) from None
    return lambda: doorkeeper.leave(guest)
