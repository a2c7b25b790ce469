"""A load client for upload sockets: cheap frames, a window of unacknowledged ones, every acknowledgement checked.

It speaks just enough WebSocket for that, so that the client costs a few microseconds a frame and is not what is
measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgpack

RECORD = {
    "test_time": 0.0,
    "current": 1.482913,
    "voltage": 3.71528,
    "temperature": 25.132,
    "capacity_charge": 0.418265,
    "capacity_discharge": 0.402117,
    "energy": 1.548223,
    "cycle_number": 17,
    "step_index": 3,
}
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
CONNECTING = 50  # connections that are being opened at a time
PACE_SECONDS = 0.002
FRAMES_A_TURN = 64  # written in one go before the acknowledgements are looked at


class Frames:
    """Ready-made frames of `records` rows, whose test_time goes on by one second a row."""

    def __init__(self, records: int) -> None:
        self.records = records
        one = msgpack.packb(RECORD)
        payload = one if records == 1 else msgpack.packb([RECORD] * records)
        head = bytes([0x80 | BINARY]) + _length_of_client_frame(len(payload)) + bytes(4)  # a mask of zeros
        self._frame = bytearray(head + payload)
        first = len(head) + len(payload) - records * len(one) + one.index(b"test_time") + len("test_time") + 1
        self._places = [first + row * len(one) for row in range(records)]

    def starting_at(self, row: int) -> bytes:
        for number, place in enumerate(self._places, start=row):
            struct.pack_into(">d", self._frame, place, float(number))
        return bytes(self._frame)


def _length_of_client_frame(length: int) -> bytes:
    if length < 126:
        return bytes([0x80 | length])
    if length < 65536:
        return bytes([0x80 | 126]) + struct.pack(">H", length)
    return bytes([0x80 | 127]) + struct.pack(">Q", length)


@dataclass
class Outcome:
    """What a run came to. Latency is from writing a frame to reading the acknowledgement that covers it, in s.

    Of the rows, `first` were the sockets' first frames, which found batteries new: they took `first_seconds` together,
    and are left out of everything else that is measured.
    """

    sent: int = 0
    acknowledged: int = 0
    first: int = 0
    first_seconds: float = 0.0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    metered: float = 0.0  # by how much the meter went up

    @property
    def rows_a_second(self) -> float:
        return self.timed / self.seconds if self.seconds else 0.0

    @property
    def timed(self) -> int:
        return self.acknowledged - self.first

    def latency(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class UploadClient(asyncio.Protocol):
    """One connection. It begins when `begin` is called, and sends until `end_at` (of time.perf_counter)."""

    def __init__(self, host: str, path: str, authorization: str, records: int, window: int) -> None:
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: {authorization}\r\n\r\n"
        )
        self.frames = Frames(records)
        self.records = records
        self.window = window
        self.sent = self.acknowledged = 0
        self.position: int | None = None
        self.last_acknowledged_at = 0.0
        self.latencies: list[float] = []
        self.troubles: list[str] = []
        self.greeted = asyncio.get_running_loop().create_future()
        self.finished = asyncio.get_running_loop().create_future()
        self._read = bytearray()
        self._is_upgraded = self._is_paused = False
        self._end_at = 0.0
        self._in_flight: deque[tuple[int, float]] = deque()

    @property
    def is_open(self) -> bool:
        return not self.finished.done()

    def begin(self, end_at: float) -> None:
        self._end_at = end_at
        self._send()

    def send_one(self) -> None:
        """A frame now, whatever is under way."""
        frame = self.frames.starting_at(self.position + self.sent)
        self.sent += self.records
        self._in_flight.append((self.sent, time.perf_counter()))
        self.transport.write(frame)

    def finish(self) -> None:
        """Nothing more is sent; `finished` is done with the last acknowledgement."""
        self._end_at = self._end_at or time.perf_counter()
        self._send()

    # --- asyncio's side --------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request.encode())

    def connection_lost(self, error: Exception | None) -> None:
        if self.acknowledged < self.sent:
            self.troubles.append(f"lost with {self.sent - self.acknowledged} rows unacknowledged")
        for future in (self.greeted, self.finished):
            if not future.done():
                future.set_result(None)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._send()

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._is_upgraded and not self._upgrade():
            return
        taken = 0
        newest = None
        while (frame := self._next_frame(taken)) is not None:
            kind, payload, taken = frame
            if kind == BINARY:
                newest = self._note(msgpack.unpackb(payload), newest)
            elif kind == PING:
                self.transport.write(bytes([0x80 | PONG, 0x80 | len(payload)]) + bytes(4) + payload)
            elif kind == CLOSE and not self.finished.done():
                self.troubles.append(f"closed by the server: {payload!r}")
                self.transport.close()
        del self._read[:taken]
        if newest is not None:
            self._take_acknowledgement(newest)
        if self._end_at:
            self._send()

    # --- the protocol ----------------------------------------------------------------------------------------------
    def _upgrade(self) -> bool:
        head, found, rest = bytes(self._read).partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head.split(b"\r\n")[0]:
            self.troubles.append(head.split(b"\r\n")[0].decode())
            self.transport.close()
            return False
        self._read = bytearray(rest)
        self._is_upgraded = True
        return True

    def _next_frame(self, begin: int) -> tuple[int, bytes, int] | None:
        read = self._read
        if len(read) < begin + 2:
            return None
        length, payload = read[begin + 1] & 127, begin + 2
        if length == 126:
            length, payload = int.from_bytes(read[payload : payload + 2], "big"), payload + 2
        elif length == 127:
            length, payload = int.from_bytes(read[payload : payload + 8], "big"), payload + 8
        if len(read) < payload + length:
            return None
        return read[begin] & 15, bytes(read[payload : payload + length]), payload + length

    def _note(self, message: dict, newest: int | None) -> int | None:
        if self.position is None:
            self.position = message["position"]
            self.greeted.set_result(None)
            return None
        if message.get("rejected"):
            self.troubles.append(f"refused: {message['rejected'][0]}")
        return message["ack"] - self.position

    def _take_acknowledgement(self, acknowledged: int) -> None:
        if not self.acknowledged <= acknowledged <= self.sent:
            self.troubles.append(f"acknowledged {acknowledged} after {self.acknowledged} of {self.sent}")
        now = time.perf_counter()
        self.acknowledged, self.last_acknowledged_at = acknowledged, now
        while self._in_flight and self._in_flight[0][0] <= acknowledged:
            self.latencies.append(now - self._in_flight.popleft()[1])

    def _send(self) -> None:
        now = time.perf_counter()
        if now >= self._end_at:
            if self.acknowledged >= self.sent and not self.finished.done():
                self.transport.write(bytes([0x80 | CLOSE, 0x82]) + bytes(4) + struct.pack(">H", 1000))
                self.finished.set_result(None)
            return
        burst = []
        while len(self._in_flight) < self.window and len(burst) < FRAMES_A_TURN and not self._is_paused:
            burst.append(self.frames.starting_at(self.position + self.sent))
            self.sent += self.records
            self._in_flight.append((self.sent, now))
        if burst:
            self.transport.write(b"".join(burst))
        if len(burst) == FRAMES_A_TURN:
            asyncio.get_running_loop().call_soon(self._send)


async def run_load(
    port: int,
    paths: list[str],
    authorization: str,
    records: int,
    window: int,
    seconds: float,
    rows_a_second: float | None = None,
    meter: Callable[[], float] = lambda: 0.0,
) -> Outcome:
    """One connection a path, sending for so long, then waiting for the last acknowledgement.

    Each sends a frame first, so that its battery has a table. Then each sends as fast as its window allows; or they
    send `rows_a_second` in all, whether or not answers come. `meter` is read when those begin and at the end.
    """
    clients = await connected(port, paths, authorization, records, window)
    outcome = Outcome(first=records * len(clients), first_seconds=await _begun(clients))
    metered = meter()
    began = time.perf_counter()
    if rows_a_second:
        await _send_at_a_pace(clients, rows_a_second / records, seconds)
    else:
        for client in clients:
            client.begin(began + seconds)
        await asyncio.sleep(seconds)
    for client in clients:
        client.finish()
    try:
        await asyncio.wait_for(asyncio.gather(*[client.finished for client in clients]), 120)
    except TimeoutError:
        outcome.troubles.append("acknowledgements are missing two minutes after the last row")
    for client in clients:
        outcome.sent += client.sent
        outcome.acknowledged += client.acknowledged
        outcome.latencies += client.latencies
        outcome.troubles += client.troubles
        client.transport.abort()
    outcome.metered = meter() - metered
    outcome.seconds = max(client.last_acknowledged_at for client in clients) - began
    return outcome


async def connected(port: int, paths: list[str], authorization: str, records: int, window: int) -> list[UploadClient]:
    loop = asyncio.get_running_loop()
    clients: list[UploadClient] = []
    for path in paths:
        _, client = await loop.create_connection(
            lambda path=path: UploadClient(f"127.0.0.1:{port}", path, authorization, records, window), "127.0.0.1", port
        )
        clients.append(client)
        if len(clients) % CONNECTING == 0:  # an accept queue is short
            await asyncio.wait_for(asyncio.gather(*[each.greeted for each in clients[-CONNECTING:]]), 120)
    await asyncio.wait_for(asyncio.gather(*[each.greeted for each in clients]), 120)
    return clients


async def _begun(clients: list[UploadClient]) -> float:
    """How long the first frames of all took, in s."""
    began = time.perf_counter()
    for client in clients:
        client.send_one()
    async with asyncio.timeout(120):
        while any(client.acknowledged < client.sent and client.is_open for client in clients):
            await asyncio.sleep(PACE_SECONDS)
    for client in clients:
        client.latencies.clear()
    return time.perf_counter() - began


async def _send_at_a_pace(clients: list[UploadClient], frames_a_second: float, seconds: float) -> None:
    began = time.perf_counter()
    sent = 0
    while (passed := time.perf_counter() - began) < seconds:
        due = int(passed * frames_a_second)
        for number in range(sent, due):
            clients[number % len(clients)].send_one()
        sent = due
        await asyncio.sleep(PACE_SECONDS)
