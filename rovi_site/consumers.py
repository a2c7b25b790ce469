"""The socket of pages: it tells ids of what changed, the page fetches what it shows."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from access.authentication import NotAdmitted, caller_of_socket
from access.roles import Role, role_of
from rovi_site.live import Ticker, Watcher
from rovi_site.sources import make_sources

ticker = Ticker(make_sources)


class UpdatesConsumer(AsyncJsonWebsocketConsumer):
    """`/ws/updates/` sends `{"changed": {"battery": [3], "job": [12]}}`, and at least every 5 s an empty one."""

    channel_layer_alias = ""  # none: the ticker tells all, so that pages stay live while Redis is away
    watcher: Watcher | None = None
    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not await sync_to_async(_may_watch)(self.scope):
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

    async def _send_what_changes(self, watcher: Watcher) -> None:
        while True:
            await watcher.woken.wait()
            changes = watcher.take()
            await self.send_json({"changed": {kind: sorted(ids) for kind, ids in changes.items()}})


def _may_watch(scope: dict[str, Any]) -> bool:
    try:
        caller = caller_of_socket(scope)
    except NotAdmitted:
        return False
    is_device = caller.token is not None and caller.token.is_for_device
    return not is_device and role_of(caller.user) >= Role.VIEWER
