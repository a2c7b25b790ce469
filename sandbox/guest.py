"""The host's side of one guest: ask it, watch it, and end it. What it says is read with suspicion."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.errors import BadAnswer, GuestNotOpened, ScriptFailed, ScriptKilled, ScriptTimedOut, TooMuchOutput, WallsMissing
from sandbox.folders import FolderTooBig, check_folder, remove_folder
from sandbox.limits import Limits
from sandbox.messages import HEAD, NotPlainData, pack, unpack

if TYPE_CHECKING:
    from sandbox.zygote import Zygote

_SECONDS_TO_OPEN = 60.0
_SECONDS_BETWEEN_LOOKS = 0.2  # at threads and disk, while a call runs
_SECONDS_BETWEEN_LOOKS_OF_QUICK_CALLS = 1.0
_CHUNK_BYTES = 1 << 18
_ROOM_FOR_AN_ERROR = 1 << 17  # an error is told even where answers are to be tiny


class Guest:
    """One script's process. Between calls it is frozen, so a script cannot work while nobody waits for it.

    After any error but ScriptFailed it is dead, and further calls raise ScriptKilled. Safe to use from several threads, one call
    at a time.
    """

    def __init__(
        self, zygote: Zygote, number: int, process: int, handle: int, channel: socket.socket, log: int, folder: Path, limits: Limits
    ) -> None:
        self.folder = folder
        self.limits = limits
        self.process_id = process
        self.walls: tuple[str, ...] = ()
        self._zygote = zygote
        self._number = number
        self._handle = handle  # names this very process, also when its id is another's by now
        self._channel = channel
        self._log_pipe = log
        self._lock = threading.RLock()
        self._printed = bytearray()
        self._dropped = 0
        self._calls = 0
        self._end: str | None = None
        self._last_look = time.monotonic()
        channel.setblocking(False)
        os.set_blocking(log, False)

    @property
    def alive(self) -> bool:
        return self._end is None

    @property
    def log(self) -> str:
        """The newest part of what the script has printed."""
        text = self._printed.decode("utf-8", errors="replace")
        return f"[… {self._dropped} bytes left out …]\n{text}" if self._dropped else text

    def call(self, verb: str, arguments: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """Raises ScriptFailed, ScriptTimedOut, ScriptKilled, BadAnswer, TooMuchOutput; TypeError if `arguments` cannot be sent."""
        seconds = self.limits.call_seconds if seconds is None else seconds
        with self._lock:
            if self._end is not None:
                raise ScriptKilled(self._end)
            self._calls += 1
            try:
                request = pack({"call": self._calls, "verb": verb, "arguments": dict(arguments)})
            except NotPlainData as wrong:
                raise TypeError(f"The arguments of {verb!r} cannot be sent to a guest: {wrong}") from None
            answer = self._read(self._converse(HEAD.pack(len(request)) + request, seconds))
            if answer.get("call") != self._calls:
                self._fail(BadAnswer("it answers another question than was asked"))
            return self._result(answer)

    def wait_until_doors_are_closed(self) -> None:
        """Raises GuestNotOpened or WallsMissing."""
        try:
            greeting = self._read(self._converse(b"", _SECONDS_TO_OPEN))
        except (ScriptKilled, ScriptTimedOut, BadAnswer) as error:
            self.close()
            raise GuestNotOpened(f"The sandbox did not come up: {error}") from error
        if greeting.get("opened") is not True:
            self.close()
            if greeting.get("missing"):
                raise WallsMissing(greeting["missing"])
            raise GuestNotOpened(str(greeting.get("message")), str(greeting.get("traceback")))
        self.walls = tuple(greeting["walls"])

    def close(self) -> None:
        """Ends the process and removes its folder; `log` stays readable. May be called twice."""
        with self._lock:
            self._put_to_an_end("it was closed")
            remove_folder(self.folder)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- what is said ------------------------------------------------------------------------------------------------

    def _read(self, message: bytearray) -> dict[str, Any]:
        try:
            answer = unpack(message)
        except NotPlainData as wrong:
            self._fail(BadAnswer(str(wrong)))
        if not isinstance(answer, dict):
            self._fail(BadAnswer("it is no map"))
        return answer

    def _result(self, answer: dict[str, Any]) -> dict[str, Any]:
        if isinstance(result := answer.get("result"), dict):
            return result
        if isinstance(error := answer.get("error"), dict):
            line = error.get("line")
            raise ScriptFailed(
                str(error.get("message", "")), str(error.get("traceback", "")), line if isinstance(line, int) else None,
                str(error.get("kind", "Exception"))[:200],
            )
        if isinstance(size := answer.get("too_long"), int):
            self._fail(TooMuchOutput(size, self.limits.answer_bytes))
        self._fail(BadAnswer(str(answer.get("not_plain", "it has no result"))[:1_000]))

    def _converse(self, message: bytes, seconds: float) -> bytearray:
        """Sends, and waits for one message; the guest runs only meanwhile."""
        start = time.monotonic()
        deadline, next_look = start + seconds, start + _SECONDS_BETWEEN_LOOKS
        self._signal(signal.SIGCONT)
        waiting = select.poll()
        waiting.register(self._log_pipe, select.POLLIN)
        waiting.register(self._channel, select.POLLIN | (select.POLLOUT if message else 0))
        unsent = memoryview(message)
        incoming = _Incoming(self.limits.answer_bytes + _ROOM_FOR_AN_ERROR)
        while not incoming.complete:
            now = time.monotonic()
            if now >= deadline:
                self._fail(ScriptTimedOut(seconds))
            if now >= next_look:
                self._look_after()
                next_look = now + _SECONDS_BETWEEN_LOOKS
            for source, event in waiting.poll(max(0.0, min(deadline, next_look) - now) * 1000):
                if source == self._log_pipe:
                    if not self._read_log():
                        waiting.unregister(self._log_pipe)
                    continue
                if event & select.POLLOUT:
                    unsent = self._send(unsent)
                    if not unsent:
                        waiting.modify(self._channel, select.POLLIN)
                if event & ~select.POLLOUT:
                    self._hear(incoming)
        self._signal(signal.SIGSTOP)
        while self._read_log(only_what_waits=True):
            continue
        if time.monotonic() - self._last_look > _SECONDS_BETWEEN_LOOKS_OF_QUICK_CALLS:
            self._look_after()
        return incoming.message

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[self._channel.send(unsent) :]
        except BlockingIOError:
            return unsent
        except (BrokenPipeError, ConnectionResetError):
            return unsent[:0]  # its end is heard next

    def _hear(self, incoming: _Incoming) -> None:
        try:
            more = incoming.take(self._channel)
        except BlockingIOError:
            return
        except ConnectionResetError:
            more = False
        except _TooLong as wrong:
            self._fail(TooMuchOutput(wrong.size, self.limits.answer_bytes))
        except NotPlainData as wrong:
            self._fail(BadAnswer(str(wrong)))
        if not more:
            self._fail(None)

    def _read_log(self, only_what_waits: bool = False) -> bool:
        """False at the end of the stream, and, if `only_what_waits`, when nothing waits."""
        try:
            data = os.read(self._log_pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return not only_what_waits
        self._printed += data
        surplus = len(self._printed) - self.limits.log_bytes
        if surplus > 0:
            del self._printed[:surplus]
            self._dropped += surplus
        return bool(data)

    # --- how it is watched and ended -----------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """What no limit of the kernel bounds: the sum of its files, and threads where guests share a user."""
        self._last_look = time.monotonic()
        try:
            check_folder(self.folder, self.limits.disk_bytes, self.limits.disk_entries)
        except FolderTooBig as wrong:
            self._fail(ScriptKilled(str(wrong)))
        if _threads_of(self.process_id) > self.limits.threads + 1:
            self._fail(ScriptKilled(f"it started more than {self.limits.threads} threads"))

    def _signal(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return  # its end is heard on the channel

    def _fail(self, error: Exception | None) -> NoReturn:
        """Ends the guest; without an `error` it has ended by itself, and how is asked of the zygote."""
        while self._read_log(only_what_waits=True):
            continue
        if error is None:
            reason = self._put_to_an_end(None)
            raise ScriptKilled(reason)
        self._put_to_an_end(error.reason if isinstance(error, ScriptKilled) else f"an earlier call ended it ({error})")
        raise error

    def _put_to_an_end(self, reason: str | None) -> str:
        if self._end is not None:
            return self._end
        if reason is not None:
            self._signal(signal.SIGKILL)
        how = self._zygote.end(self._number)
        self._end = reason or _reason_in_words(how, self.limits)
        self._signal(signal.SIGKILL)  # where the zygote could not do it
        self._channel.close()
        os.close(self._log_pipe)
        os.close(self._handle)
        return self._end


class _TooLong(Exception):
    def __init__(self, size: int) -> None:
        self.size = size


class _Incoming:
    """One message on its way in; nothing is set aside for a length that is not allowed."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.head = bytearray()
        self.message = bytearray()
        self.filled = 0
        self.complete = False

    def take(self, channel: socket.socket) -> bool:
        """False at the end of the stream."""
        if len(self.head) < HEAD.size:
            data = channel.recv(HEAD.size - len(self.head))
            self.head += data
            if len(self.head) < HEAD.size:
                return bool(data)
            size = HEAD.unpack(self.head)[0]
            if size == 0:
                raise NotPlainData("it is empty")
            if size > self.most_bytes:
                raise _TooLong(size)
            self.message = bytearray(size)
        try:
            got = channel.recv_into(memoryview(self.message)[self.filled :])
        except BlockingIOError:
            return True
        self.filled += got
        self.complete = self.filled == len(self.message)
        return got > 0


def _threads_of(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")), 0)


def _reason_in_words(how: Mapping[str, Any] | None, limits: Limits) -> str:
    if not how:
        return "the process that it was forked from has died"
    status = int(how["status"])
    if not os.WIFSIGNALED(status):
        return f"it ended itself with exit status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL and how["cpu_seconds"] >= limits.cpu_seconds - 1:
        return f"it used up its {limits.cpu_seconds} s of processor time"
    return _SIGNALS_IN_WORDS.get(number, f"signal {signal.Signals(number).name} ended it")


_SIGNALS_IN_WORDS = {
    signal.SIGSYS: "it made a system call that is forbidden to scripts",
    signal.SIGSEGV: "native code crashed (SIGSEGV: memory that is not its own)",
    signal.SIGBUS: "native code crashed (SIGBUS: memory without a store behind it)",
    signal.SIGFPE: "native code crashed (SIGFPE: an impossible whole-number division)",
    signal.SIGILL: "native code crashed (SIGILL: an unknown instruction)",
    signal.SIGABRT: "native code gave up (SIGABRT), as it does when memory runs out",
    signal.SIGXCPU: "it used up its processor time",
    signal.SIGXFSZ: "it wrote a file larger than it may",
    signal.SIGKILL: "the system ended it, as it does when the machine's memory runs out",
}
