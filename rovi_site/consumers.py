"""The socket of pages: it tells ids of what changed, the page fetches what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from access.authentication import NotAdmitted, caller_of_socket, threads_for
from access.doorkeeper import Guest, doorkeeper
from access.roles import Role, role_of
from rovi_site.live import Ticker, Watcher
from rovi_site.sources import make_sources

ticker = Ticker(make_sources)


class UpdatesConsumer(AsyncJsonWebsocketConsumer):
    """`/ws/updates/` sends `{"changed": {"battery": [3], "job": [12]}}`, and at least every 5 s an empty one."""

    channel_layer_alias = ""  # none: the ticker tells all, so that pages stay live while Redis is away
    watcher: Watcher | None = None
    sending: asyncio.Task[None] | None = None
    guest: Guest | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:  # also where a server ends it before it has said so
            if self.guest is not None:
                doorkeeper.leave(self.guest)

    async def connect(self) -> None:
        admit = sync_to_async(_admitted, thread_sensitive=False, executor=threads_for(self.scope))
        self.guest = await admit(self.scope, asyncio.get_running_loop(), self._expel)
        if self.guest is None:
            await self.close()  # before it is accepted: the handshake is answered with 403
            return
        await self.accept()
        self.watcher = Watcher(asyncio.get_running_loop())
        ticker.join(self.watcher)
        self.sending = asyncio.create_task(self._send_what_changes(self.watcher))
        await self.send_json({"changed": {}})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Pages have nothing to say here."""

    async def disconnect(self, code: int) -> None:
        if self.watcher is not None:
            ticker.leave(self.watcher)
        if self.sending is not None:
            self.sending.cancel()

    def _expel(self, code: int, reason: str) -> None:
        self.closing = asyncio.ensure_future(self.close(code, reason))

    async def _send_what_changes(self, watcher: Watcher) -> None:
        while True:
            await watcher.woken.wait()
            changes = watcher.take()
            await self.send_json({"changed": {kind: sorted(ids) for kind, ids in changes.items()}})


def _admitted(
    scope: dict[str, Any], loop: asyncio.AbstractEventLoop, expel: Callable[[int, str], None]
) -> Guest | None:
    """None for one who may not watch."""
    try:
        caller = caller_of_socket(scope)
        if caller.token is not None and caller.token.is_for_device:
            return None
        if role_of(caller.user) < Role.VIEWER:
            return None
        guest = Guest(caller, Role.VIEWER, loop, expel)
        doorkeeper.admit(guest)
    except NotAdmitted:
        return None
    return guest
