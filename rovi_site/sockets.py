"""What the servers' sockets lack, given to them as extensions of the ASGI scope.

Daphne's queue of received frames is unbounded, its `send` never waits, it answers every refused socket with 403, and
it cannot close with the codes of RFC 6455. Neither server can cut off a client that does not read. Their `send` carries
the WebSocket protocol and so the transport, which can do all of it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError
from websockets.protocol import State
from websockets.server import ServerProtocol

logger = logging.getLogger(__name__)

UNSENT_BYTES = 64 * 1024  # what may wait in the transport before a sender waits; asyncio's own mark
LOOK_SECONDS = 0.02

Send = Callable[[dict[str, Any]], Awaitable[None]]


class DaphneFlow:
    """The extension `rovi.flow`: stop and go on reading, wait until what was sent has left, cut the connection.

    `send_now` is a `send` of bytes that waits for nothing and passes by the middlewares, which are most of what an
    answer costs where thousands of sockets are answered after one commit. It declines (False) where `send` would wait.
    """

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.transport = protocol.transport

    def pause(self) -> None:
        self.transport.pauseProducing()

    def resume(self) -> None:
        if self.transport.connected and not self.transport.disconnecting:
            self.transport.resumeProducing()

    async def drained(self) -> None:
        while self.transport.connected and self._unsent() > UNSENT_BYTES:
            await asyncio.sleep(LOOK_SECONDS)

    def send_now(self, message: bytes) -> bool:
        if self.protocol.state != self.protocol.STATE_OPEN or self._unsent() > UNSENT_BYTES:
            return False
        self.protocol.sendMessage(message, isBinary=True)
        return True

    def abort(self) -> None:
        self.transport.abortConnection()

    def _unsent(self) -> int:
        # Twisted tells producers of this only, and the HTTP channel is registered as the transport's producer.
        unsent: int = len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen
        return unsent


class UvicornFlow:
    """The same for uvicorn, which stops reading by itself, and whose `send` waits."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.transport = protocol.transport

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    async def drained(self) -> None:
        pass

    def send_now(self, message: bytes) -> bool:
        protocol = self.protocol
        if not protocol.writable.is_set() or protocol.conn.state is not State.OPEN or self.transport.is_closing():
            return False
        protocol.conn.send_binary(message)
        self.transport.write(b"".join(protocol.conn.data_to_send()))
        return True

    def abort(self) -> None:
        self.transport.abort()


class SocketExtensions:
    """Middleware for sockets; passes those of other servers through as they are."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        extensions = dict(scope.get("extensions") or {})
        if (protocol := _daphne_protocol(send)) is not None:
            extensions |= {"rovi.flow": DaphneFlow(protocol), "websocket.http.response": {}}
            send = _with_http_answers(protocol, send)
        elif isinstance(getattr(protocol := getattr(send, "__self__", None), "conn", None), ServerProtocol):
            extensions["rovi.flow"] = UvicornFlow(protocol)
        await _or_refuse_for_now(self.application, {**scope, "extensions": extensions}, receive, send)


async def _or_refuse_for_now(application: Any, scope: dict[str, Any], receive: Any, send: Send) -> None:
    """Who knocks while the database is away is told to come again, with 503."""
    has_answered = False

    async def noting(message: dict[str, Any]) -> None:
        nonlocal has_answered
        has_answered = True
        await send(message)

    try:
        await application(scope, receive, noting)
    except DatabaseError as away:
        if has_answered:
            raise
        logger.warning("A socket was refused, the database does not answer: %s", away)
        await refuse(scope, send, 503, b"The database does not answer now. Open the socket again a little later.")


async def nowhere(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """The socket of an address where none is."""
    await receive()
    await refuse(scope, send, 404, b"No socket is at this address.")


async def refuse(scope: dict[str, Any], send: Send, status: int, sentence: bytes) -> None:
    """With that status, or as the server refuses where it cannot say it."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": sentence})


def _daphne_protocol(send: Send) -> Any | None:
    if isinstance(send, functools.partial) and send.args:
        protocol = send.args[0]
        if hasattr(protocol, "handshake_deferred") and hasattr(protocol.transport, "dataBuffer"):
            return protocol
    return None


def _with_http_answers(protocol: Any, send: Send) -> Send:
    """`websocket.http.response.*`, of which Daphne can give the status and, as its phrase, a line of text."""
    from autobahn.util import encode_truncate  # noqa: PLC0415  (only where Daphne serves)
    from autobahn.websocket.types import ConnectionDeny  # noqa: PLC0415  (only where Daphne serves)

    status = 403

    async def answering(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "websocket.http.response.start":
            status = message["status"]
        elif message["type"] == "websocket.http.response.body":
            handshake = protocol.handshake_deferred
            del protocol.handshake_deferred  # as Daphne does when it rejects: it tells a handshake that still lasts
            handshake.errback(ConnectionDeny(status, HTTP_PHRASES.get(status, "Refused")))  # type: ignore[no-untyped-call]
            if protocol in protocol.server.connections:  # not where the client has gone meanwhile
                protocol.server.protocol_disconnected(protocol)
        elif message["type"] == "websocket.close" and protocol.state == protocol.STATE_OPEN:
            # Daphne's own way leaves out the reason, and refuses 1003, 1007 and 1009 with an exception.
            code = message.get("code") or 1000
            protocol.sendCloseFrame(code, encode_truncate(message.get("reason") or "", 123))
            protocol.muted = True  # what still comes would pile up in a queue that nobody reads
            protocol.application_queue.put_nowait({"type": "websocket.disconnect", "code": code})
        else:
            await send(message)

    return answering


HTTP_PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests",
    503: "Service Unavailable",
}  # fmt: skip
