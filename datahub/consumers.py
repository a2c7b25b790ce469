"""The socket that takes rows in: /db/upload/<name>.

It is no Channels consumer: `AsyncConsumer.dispatch` tidies connections in a thread and asks the channel layer before
each message, and took 2,400 frames/s where this loop over the server's own `receive` takes 18,500.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.conf import settings

from access.auditing import Deed
from access.authentication import NotAdmitted, caller_of_socket, threads_for
from access.doorkeeper import Guest, doorkeeper
from access.pacing import Pace, TooManyRows, pace_of
from access.permissions import why_upload_is_refused
from access.roles import Role
from datahub import metrics
from datahub.ingest.acknowledgements import acknowledgement, acknowledgements, hello
from datahub.ingest.buffer import Buffer, Stream
from datahub.ingest.commit import limits_from_settings
from datahub.ingest.frames import decode
from datahub.ingest.protocol import (
    CLOSE_BATTERY_DELETED,
    CLOSE_STALLED,
    CLOSE_TEXT_FRAME,
    CLOSE_TOO_FAST,
    SUBPROTOCOL,
    FrameRefused,
)
from datahub.ingest.writer import running_writer
from datahub.validators import why_battery_name_is_refused

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SECONDS_TO_CLOSE = 1.0
BATTERY_DELETED = FrameRefused(CLOSE_BATTERY_DELETED, "This battery was deleted. Open the socket again.")


class Flow(Protocol):
    """What the extension `rovi.flow` of a scope can do."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    async def drained(self) -> None: ...
    def send_now(self, message: bytes) -> bool: ...
    def abort(self) -> None: ...


# Servers end an application some seconds after its client has gone; what the client sent before is still to be stored.
_serving: set[asyncio.Task[None]] = set()
metrics.SOCKETS.set_function(lambda: len(_serving))


class UploadConsumer:
    """An ASGI application, one call a socket."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        task = asyncio.ensure_future(UploadSocket(scope, receive, send).serve())
        _serving.add(task)
        task.add_done_callback(_serving.discard)
        await asyncio.shield(task)

    @classmethod
    def as_asgi(cls) -> UploadConsumer:
        return cls()


class UploadSocket:
    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.name: str = scope["url_route"]["kwargs"]["name"]
        self.limits = limits_from_settings()
        # What the server cannot do itself about clients that are too fast, or do not read (rovi_site.sockets).
        self.flow: Flow | None = scope.get("extensions", {}).get("rovi.flow")
        self.pace: Pace | None = None
        self.deed: Deed | None = None

    async def serve(self) -> None:
        await self.receive()  # websocket.connect
        expelled: asyncio.Future[FrameRefused] = asyncio.get_running_loop().create_future()
        admit = database_sync_to_async(self._admit, thread_sensitive=False, executor=threads_for(self.scope))
        admission = asyncio.ensure_future(admit(expelled))
        try:
            guest = await asyncio.shield(admission)
        except asyncio.CancelledError:
            admission.add_done_callback(_leave_again)  # its thread goes on, and may yet let the guest in
            raise
        except NotAdmitted as refused:
            await self._refuse(refused)
            return
        try:
            await self._serve_until(expelled)
        finally:
            doorkeeper.leave(guest)

    async def _serve_until(self, expelled: asyncio.Future[FrameRefused]) -> None:
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in self.scope["subprotocols"] else None
        wants_answers = subprotocol is not None or _is_on(self.scope["query_string"], "ack")
        buffer = running_writer().buffer
        stream = Stream(self.name, asyncio.get_running_loop(), wants_answers, self.deed)
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol})
        serve = self._take_and_answer if wants_answers else self._take_frames
        serving = asyncio.ensure_future(serve(buffer, stream))
        ends: set[asyncio.Future[Any]] = {serving, expelled}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            serving.cancel()  # what it has taken lies in the buffer, and is stored
            await asyncio.gather(serving, return_exceptions=True)
        why = expelled.result() if expelled.done() else serving.result()
        if why is not None:
            await self._close(why)

    # --- before it opens -------------------------------------------------------------------------------------------
    def _admit(self, expelled: asyncio.Future[FrameRefused]) -> Guest:
        caller = caller_of_socket(self.scope)
        if why := why_upload_is_refused(caller.user, caller.token, self.name):
            raise NotAdmitted(403, why)
        if why := why_battery_name_is_refused(self.name):
            raise NotAdmitted(400, why)

        def expel(code: int, reason: str) -> None:
            if not expelled.done():
                expelled.set_result(FrameRefused(code, reason))

        guest = Guest(caller, Role.OPERATOR, expelled.get_loop(), expel)
        doorkeeper.admit(guest)
        self.pace = pace_of(caller.user, caller.token)
        self.deed = Deed("socket", caller.address, user=caller.user, token=caller.token)
        return guest

    async def _refuse(self, refused: NotAdmitted) -> None:
        """An HTTP answer where the server can give one; otherwise it answers 403 by itself."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.send({"type": "websocket.close"})
            return
        headers = [(b"content-type", b"application/json")]
        if refused.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="ROVI"'))
        if refused.retry_after:
            headers.append((b"retry-after", str(refused.retry_after).encode()))
        body = json.dumps({"detail": refused.sentence}).encode()
        await self.send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
        await self.send({"type": "websocket.http.response.body", "body": body})

    # --- frames in -------------------------------------------------------------------------------------------------
    async def _take_frames(self, buffer: Buffer, stream: Stream) -> FrameRefused | None:
        """Until the client goes (None), or sends what closes the socket."""
        receive, limits, now, pace = self.receive, self.limits, time.time, self.pace
        while True:
            message = await receive()
            payload = message.get("bytes")
            if payload is None:
                if message["type"] == "websocket.disconnect":
                    return None
                return FrameRefused(CLOSE_TEXT_FRAME, "Rows come as binary msgpack frames.")
            try:
                frame = decode(payload, limits)
                rest = 0.0 if pace is None else pace.take(len(frame))
            except FrameRefused as refused:
                return refused
            except TooManyRows as refused:
                return FrameRefused(CLOSE_TOO_FAST, f"{refused.message} Retry in {refused.retry_after} s.")
            buffer.put(stream, frame, len(payload), now())
            if stream.is_orphan:
                return BATTERY_DELETED
            if not buffer.has_room(stream):
                await self._wait_for_room(buffer, stream)
            if rest:
                await self._rest(rest)

    async def _rest(self, seconds: float) -> None:
        """Stops reading, so that TCP slows a client that sends faster than its limit."""
        if self.flow is not None:
            self.flow.pause()
        try:
            await asyncio.sleep(seconds)
        finally:
            if self.flow is not None:
                self.flow.resume()

    async def _wait_for_room(self, buffer: Buffer, stream: Stream) -> None:
        """Stops reading, so that the client's writes wait for our database's."""
        if self.flow is not None:
            self.flow.pause()
        try:
            await buffer.room(stream)
        finally:
            if self.flow is not None:
                self.flow.resume()

    # --- answers out -----------------------------------------------------------------------------------------------
    async def _take_and_answer(self, buffer: Buffer, stream: Stream) -> FrameRefused | None:
        # An empty frame goes through the writer: what an earlier socket of this client sent is committed before it.
        buffer.put(stream, [], 0, time.time())
        await stream.until(stream.is_settled)
        stream.take_news()
        sending = asyncio.ensure_future(self._send_answers(stream, stream.position))
        taking = asyncio.ensure_future(self._take_frames(buffer, stream))
        try:
            await asyncio.wait({sending, taking}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and (why := sending.result()) is not None:
                return why
            why = await taking
            if why is None:  # nobody is there to read
                return None
            stream.end()
            return await sending or why
        finally:
            sending.cancel()
            taking.cancel()

    async def _send_answers(self, stream: Stream, position: int) -> FrameRefused | None:
        """The hello, then an acknowledgement after each commit, until the stream ends or its client has gone (None).

        Nearly all are sent by `tell`, in the callback that brings the news. This waits for what needs waiting: a client
        that is slow in reading, refusals, the end.
        """
        try:
            await self._send_in_time(hello(position, stream.last_test_time))
            while not stream.is_over():
                stream.tell = functools.partial(self._told_at_once, stream, position)
                await stream.until_news()
                stream.tell = None
                for message in acknowledgements(position, stream.handled, stream.take_news()):
                    await self._send_in_time(message)
                if stream.is_orphan:
                    return BATTERY_DELETED
        except TimeoutError:
            return FrameRefused(CLOSE_STALLED, "Acknowledgements lie unread for too long.")
        except OSError:
            pass
        finally:
            stream.tell = None
        return None

    def _told_at_once(self, stream: Stream, position: int) -> bool:
        if self.flow is None or stream.rejections or stream.is_orphan or stream.is_ending:
            return False
        is_sent = self.flow.send_now(acknowledgement(position + stream.handled))
        if is_sent:
            stream.take_news()
        return is_sent

    async def _send_in_time(self, message: bytes) -> None:
        async with asyncio.timeout(settings.UPLOAD_STALLED_SECONDS):
            await self.send({"type": "websocket.send", "bytes": message})
            if self.flow is not None:
                await self.flow.drained()

    async def _close(self, why: FrameRefused) -> None:
        try:
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await self.send({"type": "websocket.close", "code": why.close_code, "reason": why.reason})
        except OSError:  # it has gone, or does not even read that
            pass
        if why.close_code == CLOSE_STALLED and self.flow is not None:
            await asyncio.sleep(SECONDS_TO_CLOSE)
            self.flow.abort()


def _leave_again(admission: asyncio.Future[Guest]) -> None:
    if not admission.cancelled() and admission.exception() is None:
        doorkeeper.leave(admission.result())


def _is_on(query: bytes, name: str) -> bool:
    values = parse_qs(query.decode("latin-1")).get(name, [""])
    return values[-1].lower() in ("1", "true", "on", "yes")
