"""The wires between host and one guest: a socket for messages, a pipe for what the script prints."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable

from sandbox.errors import BadAnswer, ScriptTimedOut, TooMuchOutput
from sandbox.messages import HEAD

_SECONDS_BETWEEN_LOOKS = 0.2
_CHUNK_BYTES = 1 << 17
_ROOM_FOR_AN_ERROR = 1 << 17  # an error is told even where answers are to be tiny


class Ended(Exception):
    """The guest's end of the socket is closed: its process is gone."""


class Conversation:
    """One message out, one message in, while the pipe is emptied so that no print can block. Knows nothing of
    processes.
    """

    def __init__(self, channel: socket.socket, log: int, most_answer_bytes: int, most_log_bytes: int) -> None:
        self.printed = bytearray()  # the newest part
        self.dropped = 0  # bytes before that
        self._channel = channel
        self._log = log
        self._log_has_ended = False
        self._most_answer_bytes = most_answer_bytes
        self._most_log_bytes = most_log_bytes
        self._waiting = select.poll()
        self._waiting.register(log, select.POLLIN)
        self._waiting.register(channel, select.POLLIN)
        channel.setblocking(False)
        os.set_blocking(log, False)

    def exchange(self, message: bytes, seconds: float, look_after: Callable[[], None]) -> bytearray:
        """Calls `look_after` some times a second. Raises Ended, ScriptTimedOut, TooMuchOutput, BadAnswer, and what that
        raises.
        """
        now = time.monotonic()
        deadline, next_look = now + seconds, now + _SECONDS_BETWEEN_LOOKS
        unsent = self._send(memoryview(message))
        if unsent:
            self._waiting.modify(self._channel, select.POLLIN | select.POLLOUT)
        incoming = _Incoming(self._most_answer_bytes)
        while not incoming.complete:
            for source, event in self._waiting.poll(max(0.0, min(deadline, next_look) - now) * 1000):
                if source == self._log:
                    self._read_log()
                    continue
                if unsent and event & select.POLLOUT:
                    unsent = self._send(unsent)
                    if not unsent:
                        self._waiting.modify(self._channel, select.POLLIN)
                if event & ~select.POLLOUT:
                    incoming.take_from(self._channel)
            now = time.monotonic()
            if now >= deadline and not incoming.complete:
                raise ScriptTimedOut(seconds)
            if now >= next_look:
                look_after()
                next_look = now + _SECONDS_BETWEEN_LOOKS
        return incoming.message

    def read_what_was_printed(self) -> None:
        """Takes what waits in the pipe, without waiting for more."""
        most_rounds = 64  # a guest that still prints cannot hold the reader
        while most_rounds and self._read_log():
            most_rounds -= 1

    def close(self) -> None:
        self._channel.close()
        os.close(self._log)

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[self._channel.send(unsent) :] if unsent else unsent
        except BlockingIOError:
            return unsent
        except (BrokenPipeError, ConnectionResetError):
            raise Ended from None

    def _read_log(self) -> bool:
        if self._log_has_ended:
            return False
        try:
            data = os.read(self._log, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:  # the script has closed its standard streams
            self._log_has_ended = True
            self._waiting.unregister(self._log)
            return False
        self.printed += data
        surplus = len(self.printed) - self._most_log_bytes
        if surplus > 0:
            del self.printed[:surplus]
            self.dropped += surplus
        return True


class _Incoming:
    """One message on its way in; nothing is set aside for a length that is not allowed."""

    def __init__(self, most_bytes: int) -> None:
        self.message = bytearray()
        self.complete = False
        self._most_bytes = most_bytes
        self._head = b""
        self._filled = 0

    def take_from(self, channel: socket.socket) -> None:
        try:
            if len(self._head) < HEAD.size:
                self._begin(channel.recv(_CHUNK_BYTES))
            else:
                self._add(channel.recv_into(memoryview(self.message)[self._filled :]))
        except BlockingIOError:
            return
        except ConnectionResetError:
            raise Ended from None

    def _begin(self, data: bytes) -> None:
        if not data:
            raise Ended
        data = self._head + data
        self._head, rest = data[: HEAD.size], data[HEAD.size :]
        if len(self._head) < HEAD.size:
            return
        size = HEAD.unpack(self._head)[0]
        if size > self._most_bytes + _ROOM_FOR_AN_ERROR:
            raise TooMuchOutput(size, self._most_bytes)
        if len(rest) > size or size == 0:
            raise BadAnswer("it says more than it was asked for, or nothing")
        self.message = bytearray(size)
        self.message[: len(rest)] = rest
        self._filled = len(rest)
        self.complete = self._filled == size

    def _add(self, received: int) -> None:
        if received == 0:
            raise Ended
        self._filled += received
        self.complete = self._filled == len(self.message)
