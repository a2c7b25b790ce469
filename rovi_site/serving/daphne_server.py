"""Daphne with bounded buffers in both directions, and an orderly end.

Daphne's own queue of what a socket received has no bound, and its `send` never waits. A client that sends faster than
rows are committed would fill the memory; here it is not read from until the application has caught up, so that TCP
slows the client itself. One that does not read its acknowledgements makes `send` wait, which the application can time.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import defer
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from rovi_site.serving.limits import PING_SECONDS, PONG_SECONDS, SECONDS_TO_FINISH

INBOX_BYTES = 256 * 1024  # a socket is not read from while more than this waits; one frame may always pass
GOING_AWAY = 1001  # RFC 6455, 7.4.1


class Inbox(asyncio.Queue[dict[str, Any]]):
    """What a socket received and its application has not taken; pauses the socket while that is much."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._waiting = 0
        self._is_paused = False

    def _put(self, message: dict[str, Any]) -> None:
        super()._put(message)
        self._waiting += _size(message)
        if self._waiting > INBOX_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pauseProducing()

    def _get(self) -> dict[str, Any]:
        message: dict[str, Any] = super()._get()
        self._waiting -= _size(message)
        if self._is_paused and self._waiting <= INBOX_BYTES // 2:
            self._is_paused = False
            self._transport.resumeProducing()
        return message


@implementer(IPushProducer)
class Outbox:
    """Told by the transport when its buffer is full and when it has drained."""

    def __init__(self) -> None:
        self.has_room = asyncio.Event()
        self.has_room.set()

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's names)
        self.has_room.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.has_room.set()

    def stopProducing(self) -> None:  # noqa: N802
        self.has_room.set()


class BoundedServer(Server):  # type: ignore[misc]  # Daphne has no types
    def create_application(self, protocol: Any, scope: dict[str, Any]) -> asyncio.Queue[dict[str, Any]] | None:
        """As Daphne's own, with an inbox and an outbox for a socket."""
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        if scope["type"] == "websocket":
            inbox = Inbox(protocol.transport)
            protocol.outbox = Outbox()
            protocol.transport.unregisterProducer()  # the HTTP channel that it was before
            protocol.transport.registerProducer(protocol.outbox, True)
        scope.setdefault("asgi", {"version": "3.0"})
        application = self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        if protocol not in self.connections:
            application.close()
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        await super().handle_reply(protocol, message)
        if message["type"] == "websocket.send":
            await protocol.outbox.has_room.wait()

    def kill_all_applications(self) -> defer.Deferred[Any]:
        """Called before the reactor stops: sockets are closed, and what they brought so far is worked through first."""
        running = []
        for protocol, details in list(self.connections.items()):
            application = details.get("application_instance")
            if application is None or application.done():
                continue
            running.append(application)
            if hasattr(protocol, "outbox"):
                protocol.serverClose(GOING_AWAY)
        return defer.Deferred.fromFuture(asyncio.ensure_future(_finish(running)))


async def _finish(applications: list[asyncio.Future[Any]]) -> None:
    if applications:
        _, late = await asyncio.wait(applications, timeout=SECONDS_TO_FINISH)
        for application in late:
            application.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _size(message: dict[str, Any]) -> int:
    return len(message.get("bytes") or b"") or len(message.get("text") or "")


def run(application: Any, host: str, port: int, max_frame_bytes: int) -> int:
    """Serves until SIGINT or SIGTERM; 1 when it could not listen."""
    server = BoundedServer(
        application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        websocket_max_message_size=max_frame_bytes,
        websocket_max_frame_size=max_frame_bytes,
        websocket_timeout=-1,  # a stream may last for months
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        server_name="",
        verbosity=2,  # Twisted's own errors go to the log instead of nowhere
    )
    server.run()
    return 0 if server.listening_addresses else 1
