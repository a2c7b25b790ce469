"""Daphne with the limits and time-outs of the upload protocol, and an orderly end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import defer, reactor

from rovi_site.serving.limits import (
    BACKLOG,
    PING_SECONDS,
    PONG_SECONDS,
    SECONDS_TO_ADMIT,
    SECONDS_TO_ASK,
    SECONDS_TO_CLOSE,
    SECONDS_TO_FINISH,
)
from rovi_site.serving.quick_frames import QuickWebSocket

GOING_AWAY = 1001  # RFC 6455, 7.4.1


class OrderlyServer(Server):  # type: ignore[misc]  # Daphne has no types
    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if hasattr(protocol, "failByDrop"):
            # A frame that is refused closes its socket with a code. Dropped at once, as is autobahn's way, the client
            # would see a reset; so it is read from, and not heard, until it answers.
            protocol.failByDrop = False
            protocol.closeHandshakeTimeout = SECONDS_TO_CLOSE

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, ready_callable=self._get_ready, **options)

    def _get_ready(self) -> None:
        self.ws_factory.protocol = QuickWebSocket
        self._watch_newcomers()

    def _watch_newcomers(self) -> None:
        """Who has sent no first line in time is cut off; Twisted waits as long as there comes a byte a minute."""
        build = self.http_factory.buildProtocol

        def build_watched(address: Any) -> Any:
            protocol = build(address)
            reactor.callLater(SECONDS_TO_ASK, _cut_off_if_silent, protocol)  # type: ignore[arg-type]  # its stub is wrong
            return protocol

        self.http_factory.buildProtocol = build_watched

    def timeout_checker(self) -> None:
        """The same for who has sent it, and not the end of the headers: until then a request has no content."""
        super().timeout_checker()
        since = time.time() - SECONDS_TO_ASK
        for protocol, details in list(self.connections.items()):
            if details["connected"] < since and getattr(protocol, "content", "a socket") is None:
                protocol.channel.forceAbortClient()

    def kill_all_applications(self) -> defer.Deferred[Any]:
        """Called before the reactor stops: sockets are closed, and what they brought so far is worked through first."""
        running = []
        for protocol, details in list(self.connections.items()):
            application = details.get("application_instance")
            if application is None or application.done():
                continue
            running.append(application)
            if getattr(protocol, "state", None) == getattr(protocol, "STATE_OPEN", "no socket"):
                protocol.sendCloseFrame(code=GOING_AWAY)  # `sendClose` refuses the protocol's own codes
        return defer.Deferred.fromFuture(asyncio.ensure_future(_finish(running)))


def _cut_off_if_silent(protocol: Any) -> None:
    channel = protocol._channel
    if not channel.requests and channel.transport is not None:
        channel.transport.abortConnection()


async def _finish(applications: list[asyncio.Future[Any]]) -> None:
    if applications:
        _, late = await asyncio.wait(applications, timeout=SECONDS_TO_FINISH)
        for application in late:
            application.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def run(application: Any, host: str, port: int, max_frame_bytes: int) -> int:
    """Serves until SIGINT or SIGTERM; 1 when it could not listen."""
    server = OrderlyServer(
        application,
        endpoints=[f"{each}:backlog={BACKLOG}" for each in build_endpoint_description_strings(host=host, port=port)],
        websocket_max_message_size=max_frame_bytes,
        websocket_max_frame_size=max_frame_bytes,
        websocket_handshake_timeout=SECONDS_TO_ADMIT,
        websocket_connect_timeout=SECONDS_TO_ADMIT,
        websocket_timeout=-1,  # a stream may last for months
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        server_name="",
        verbosity=2,  # Twisted's own errors go to the log instead of nowhere
    )
    server.run()
    return 0 if server.listening_addresses else 1
