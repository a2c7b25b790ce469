"""Send rows of one battery over a WebSocket until each is acknowledged, whatever happens to the server meanwhile.

No Django here. Frames stay in memory until they are acknowledged; after a break they are sent again, and the server
stores each row once. The window bounds both that memory and what a slow server has to hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from datahub.streaming.service import RefusedByService, Service, ServiceError, Unreachable, sentence_of

WINDOW_ROWS = 20_000
PATIENCE_SECONDS = 300.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
PING_SECONDS = 60.0

TOO_FAST = 4429  # its reason tells the limit; rows go on after a pause
# After these the same frames would only be refused again.
FATAL_CODES = {1003, 1007, 1008, 1009, 4410}


class Frame(NamedTuple):
    """`first` and `end` are the numbers of its rows, counted from the first row of the stream."""

    payload: bytes
    first: int
    end: int


@dataclass(frozen=True)
class Hello:
    """How far the server has come: rows it stores, and the greatest test_time among them."""

    position: int
    last_test_time: float | None


@dataclass
class RowStream:
    """`handled` of the `sent` rows are acknowledged; `rejected` maps the number of a refused row to the reason."""

    service: Service
    battery_name: str
    window_rows: int = WINDOW_ROWS
    patience_seconds: float = PATIENCE_SECONDS
    tell: Callable[[str], None] = lambda line: None
    sent: int = 0
    handled: int = 0
    breaks: int = 0
    rejected: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._written = 0  # frames at the head of the queue that this connection has carried
        self._first_row = 0  # of this connection
        self._position = 0  # told by this connection's hello
        self._hello: Hello | None = None
        self._failure: BaseException | None = None
        self._contact = 0.0  # monotonic time of the last message
        self._is_broken = False
        self._news = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None

    # --- for callers -----------------------------------------------------------------------------------------------
    async def open(self, patience_seconds: float | None = None) -> Hello:
        """Connects; raises ServiceError when nobody answers for so long, or the caller may not send."""
        usual = self.patience_seconds
        if patience_seconds is not None:
            self.patience_seconds = patience_seconds
        self._connecting = asyncio.create_task(self._stay_connected())
        self._connecting.add_done_callback(self._note_end)
        await self._until(lambda: self._hello is not None)
        self.patience_seconds = usual
        assert self._hello is not None
        return self._hello

    async def send(self, records: Any, rows: int = 1) -> None:
        """One frame: a record, a list of records or columns. Waits while the window is full; raises ServiceError."""
        await self._until(lambda: self.sent - self.handled < self.window_rows)
        self._frames.append(Frame(msgpack.packb(records), self.sent, self.sent + rows))
        self.sent += rows
        self._news.set()

    async def acknowledged(self) -> None:
        """Returns when every row sent so far is; raises ServiceError."""
        await self._until(lambda: self.handled >= self.sent)

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()

    # --- the connection --------------------------------------------------------------------------------------------
    async def _stay_connected(self) -> None:
        pause, alive = FIRST_PAUSE, time.monotonic()
        while True:
            try:
                await self._converse()
            except Unreachable as unreachable:
                if self._contact > alive:
                    alive, pause = self._contact, FIRST_PAUSE
                if time.monotonic() - alive >= self.patience_seconds:
                    self._fail(unreachable)
                    return
                if not self._is_broken:
                    self.breaks += 1
                    self.tell(f"{unreachable} Trying again.")
                self._is_broken = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except ServiceError as refused:
                self._fail(refused)
                return

    async def _converse(self) -> None:
        """One connection from its hello to its end, which is always an error."""
        headers = {"Authorization": self.service.authorization} if self.service.authorization else {}
        try:
            async with connect(
                self.service.socket_url(self.battery_name),
                additional_headers=headers,
                compression=None,  # costs more time than it saves on this data
                proxy=None if self.service.is_here else True,
                ping_timeout=PING_SECONDS,
            ) as socket:
                self._begin(_hello_of(await socket.recv()))
                await _first_error(self._write(socket), self._read(socket))
        except ConnectionClosed as closed:
            raise _why_closed(closed) from None
        except InvalidStatus as status:
            raise _why_refused(status) from None
        except (OSError, InvalidHandshake, InvalidMessage) as error:
            raise Unreachable(f"{self.service.address} does not answer: {error}.") from None

    def _begin(self, hello: Hello) -> None:
        self._contact = time.monotonic()
        if self._is_broken:
            self.tell("Connected.")
        self._is_broken = False
        self._written = 0
        self._first_row = self._frames[0].first if self._frames else self.sent
        self._position = hello.position
        if self._hello is None:
            self._hello = hello
        self._news.set()

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            while self._written < len(self._frames):
                frame = self._frames[self._written]
                self._written += 1
                await socket.send(frame.payload)
            self._news.clear()
            await self._news.wait()

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            self._hear(_unpacked(await socket.recv(), "ack"))

    def _hear(self, answer: dict[str, Any]) -> None:
        self._contact = time.monotonic()
        for rejection in answer.get("rejected", ()):
            self.rejected[self._first_row + rejection["index"]] = rejection
        self.handled = max(self.handled, self._first_row + answer["ack"] - self._position)
        while self._frames and self._frames[0].end <= self.handled:
            self._frames.popleft()
            self._written -= 1
        self._news.set()

    def _fail(self, why: BaseException) -> None:
        self._failure = why
        self._news.set()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """An error that nobody foresaw must reach the caller, who would wait for ever."""
        if not task.cancelled() and (unforeseen := task.exception()) is not None:
            self._fail(unforeseen)


async def position_of(service: Service, battery_name: str) -> Hello:
    """How many rows of a battery the server stores now; for callers that may send and not read, too."""
    stream = RowStream(service, battery_name)
    try:
        return await stream.open()
    finally:
        await stream.close()


async def _first_error(*endless: Coroutine[Any, Any, None]) -> None:
    """Runs them side by side until one fails, and ends the others."""
    tasks = [asyncio.ensure_future(each) for each in endless]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _hello_of(message: str | bytes) -> Hello:
    told = _unpacked(message, "position")
    return Hello(told["position"], told.get("last_test_time"))


def _unpacked(message: str | bytes, needed: str) -> dict[str, Any]:
    try:
        answer = msgpack.unpackb(message) if isinstance(message, bytes) else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or needed not in answer:
        raise ServiceError("The server answers in a protocol that is not the one of row uploads.")
    return answer


def _why_closed(closed: ConnectionClosed) -> ServiceError:
    code = closed.rcvd.code if closed.rcvd else 1006
    reason = closed.rcvd.reason if closed.rcvd else ""
    if code in FATAL_CODES:
        return ServiceError(f"The server closed the socket: {reason or 'no reason was given'} (code {code}).")
    if code == TOO_FAST:
        return Unreachable(reason)
    return Unreachable(f"The connection broke (code {code}).")


def _why_refused(refused: InvalidStatus) -> ServiceError:
    answer = RefusedByService(refused.response.status_code, sentence_of(bytes(refused.response.body or b"")))
    return answer if answer.is_final else Unreachable(f"The server answers HTTP {answer.status}.")
