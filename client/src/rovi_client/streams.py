"""Rows over a socket, without the socket: what is to be sent, what was acknowledged, and where to go on after a break.

The protocol is docs/wire-protocol.md of the service. Frames stay here until they are acknowledged; after a break they
are sent again, and the service stores each row once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgpack

from rovi_client.errors import RoviError

WINDOW_ROWS = 20_000
FRAME_ROWS = 2_000
FATAL_CODES = {1003, 1007, 1008, 1009, 4401, 4403, 4410}


class StreamRefused(RoviError):
    """The service closed the socket, and would again; `code` is the close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason or f"The service closed the socket with code {code}.")
        self.code = code


@dataclass
class _Frame:
    payload: bytes
    first: int
    end: int


@dataclass
class StreamState:
    """`sent` rows were given, `handled` of them are acknowledged; `rejected` tells refused ones by their number."""

    sent: int = 0
    handled: int = 0
    rejected: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    stored_before: int = 0
    _frames: deque[_Frame] = field(default_factory=deque)
    _written: int = 0
    _first_row: int = 0
    _position: int = 0
    _greeted: bool = False

    def begin(self, hello: bytes | str) -> None:
        """A new connection: its hello tells how many rows the service has, and all that is open is sent again."""
        told = _unpacked(hello)
        self._position = int(told["position"])
        if not self._greeted:
            self.stored_before, self._greeted = self._position, True
        self._written = 0
        self._first_row = self._frames[0].first if self._frames else self.sent

    def put(self, payload: bytes, rows: int) -> None:
        self._frames.append(_Frame(payload, self.sent, self.sent + rows))
        self.sent += rows

    def next_payload(self) -> bytes | None:
        """What is to be written now; None where all is."""
        if self._written >= len(self._frames):
            return None
        self._written += 1
        return self._frames[self._written - 1].payload

    def hear(self, message: bytes | str) -> None:
        told = _unpacked(message)
        for rejection in told.get("rejected", ()):
            self.rejected[self._first_row + rejection["index"]] = rejection
        self.handled = max(self.handled, self._first_row + int(told["ack"]) - self._position)
        while self._frames and self._frames[0].end <= self.handled:
            self._frames.popleft()
            self._written -= 1

    @property
    def is_full(self) -> bool:
        return self.sent - self.handled >= WINDOW_ROWS

    @property
    def is_done(self) -> bool:
        return self.handled >= self.sent


def socket_address(url: str, battery_name: str) -> str:
    """ws:// of http://, wss:// of https://."""
    return f"ws{url.rstrip('/').removeprefix('http')}/db/upload/{quote(battery_name, safe='')}?ack=1"


def _unpacked(message: bytes | str) -> dict[str, Any]:
    try:
        told = msgpack.unpackb(message) if isinstance(message, bytes) else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise RoviError("The service answers in a protocol that is not the one of row uploads.")
    return told
