"""The one place where a password is compared, whichever door it came through."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend

from access import tries
from access.addresses import address_of
from access.auditing import note


class CountedPasswords(ModelBackend):
    """Django's own, with each try counted before the hash is made. Raises tries.LoginPaused."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, address: str = "", **kwargs: Any
    ) -> Any | None:
        """`address` is for callers without a request, which sockets are."""
        if username is None or password is None:
            return None
        counted = tries.begin(username, address or address_of(request))
        with tries.room_to_hash():
            user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            counted.succeeded()
            if not counted.was_known:
                note("password accepted", user, note="The first from this address.", user=user, address=address)
        return user

    async def aauthenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any | None:
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)
