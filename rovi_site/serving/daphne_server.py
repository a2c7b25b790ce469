"""Daphne with the limits and time-outs of the upload protocol, and an orderly end."""

from __future__ import annotations

import asyncio
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import defer

from rovi_site.serving.limits import BACKLOG, PING_SECONDS, PONG_SECONDS, SECONDS_TO_CLOSE, SECONDS_TO_FINISH

GOING_AWAY = 1001  # RFC 6455, 7.4.1


class OrderlyServer(Server):  # type: ignore[misc]  # Daphne has no types
    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if hasattr(protocol, "failByDrop"):
            # A frame that is refused closes its socket with a code. Dropped at once, as is autobahn's way, the client
            # would see a reset; so it is read from, and not heard, until it answers.
            protocol.failByDrop = False
            protocol.closeHandshakeTimeout = SECONDS_TO_CLOSE

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
        websocket_timeout=-1,  # a stream may last for months
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        server_name="",
        verbosity=2,  # Twisted's own errors go to the log instead of nowhere
    )
    server.run()
    return 0 if server.listening_addresses else 1
