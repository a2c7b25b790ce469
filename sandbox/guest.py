"""The host's side of one guest: ask it, watch it, and end it. What it says is read with suspicion."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sandbox import tally
from sandbox.conversation import Conversation, Ended
from sandbox.errors import (
    BadAnswer,
    GuestNotOpened,
    ScriptError,
    ScriptFailed,
    ScriptKilled,
    TooMuchOutput,
    WallsMissing,
    ZygoteLost,
)
from sandbox.folders import FolderTooBig, check_folder, hold, remove_folder
from sandbox.limits import STATUS_OUT_OF_MEMORY, Limits
from sandbox.messages import HEAD, NotPlainData, pack, unpack

if TYPE_CHECKING:
    from sandbox.zygote import Zygote

_SECONDS_TO_OPEN = 60.0
_SECONDS_BETWEEN_LOOKS_OF_QUICK_CALLS = 1.0


class Guest:
    """One script's process. Between calls it is frozen, so a script cannot work while nobody waits for it.

    After any error but ScriptFailed it is dead, and further calls raise ScriptKilled. When the zygote died, and took it
    along, they raise ZygoteLost: that is no fault of the script. Safe to use from several threads, one call at a time.
    """

    def __init__(
        self,
        zygote: Zygote,
        number: int,
        process: int,
        handle: int,
        wires: tuple[socket.socket, int],
        folder: Path,
        limits: Limits,
    ) -> None:
        self.folder = folder
        self.limits = limits
        self.process_id = process
        self.walls: tuple[str, ...] = ()
        self._zygote = zygote
        self._number = number
        self._handle = handle  # a pidfd: names this very process, also when its id is another's by now
        self._held = hold(folder)
        self._conversation = Conversation(*wires, limits.answer_bytes, limits.log_bytes)
        self._lock = threading.RLock()
        self._calls = 0
        self._end: str | None = None
        self._is_forsaken = False
        self._last_look = time.monotonic()

    @property
    def alive(self) -> bool:
        """False once its end is known; a process that died by itself is found out at the next call."""
        return self._end is None

    @property
    def log(self) -> str:
        """The newest part of what the script has printed."""
        text = self._conversation.printed.decode("utf-8", errors="replace")
        dropped = self._conversation.dropped
        return f"[… {dropped} bytes left out …]\n{text}" if dropped else text

    def call(self, verb: str, arguments: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """`seconds` defaults to the limits' `call_seconds`.

        Raises ScriptFailed, ScriptTimedOut, ScriptKilled, BadAnswer, TooMuchOutput; ZygoteLost; TypeError if
        `arguments` cannot be sent.
        """
        with self._lock:
            self._calls += 1
            try:
                request = pack({"call": self._calls, "verb": verb, "arguments": dict(arguments)})
            except NotPlainData as wrong:
                raise TypeError(f"The arguments of {verb!r} cannot be sent to a guest: {wrong}") from None
            message = HEAD.pack(len(request)) + request
            return self._ask(message, self.limits.call_seconds if seconds is None else seconds)

    def wait_until_doors_are_closed(self) -> None:
        """Raises GuestNotOpened, WallsMissing or ZygoteLost."""
        try:
            greeting = self._ask(b"", _SECONDS_TO_OPEN)
        except ZygoteLost:
            self.close()
            raise
        except ScriptError as error:
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, message: bytes, seconds: float) -> dict[str, Any]:
        """The guest runs only while this does."""
        if self._end is not None:
            raise self._why_ended(self._end)
        try:
            self._signal(signal.SIGCONT)
            answer = self._conversation.exchange(message, seconds, self._look_after)
            self._signal(signal.SIGSTOP)
            self._conversation.read_what_was_printed()
            if time.monotonic() - self._last_look > _SECONDS_BETWEEN_LOOKS_OF_QUICK_CALLS:
                self._look_after()
            return _understood(answer, self._calls, self.limits)
        except ScriptFailed:
            raise
        except Ended:
            ended = self._why_ended(self._put_to_an_end(None))
            if isinstance(ended, ScriptKilled):
                tally.note(ended)
            raise ended from None
        except ScriptError as error:
            tally.note(error)
            self._put_to_an_end(f"an earlier call ended it ({error})")
            raise
        except BaseException:  # the caller was interrupted: the guest's answer would be taken for that of the next call
            self._put_to_an_end("a call was broken off")
            raise

    def _look_after(self) -> None:
        """What no limit of the kernel bounds: the sum of its files, and threads where guests share a user."""
        self._last_look = time.monotonic()
        try:
            check_folder(self.folder, self.limits.disk_bytes, self.limits.disk_entries)
        except FolderTooBig as wrong:
            raise ScriptKilled(str(wrong)) from None
        if _threads_of(self.process_id) > self.limits.threads + 1:
            raise ScriptKilled(f"it started more than {self.limits.threads} threads")

    def _signal(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return  # its end is heard on the channel

    def _put_to_an_end(self, reason: str | None) -> str:
        """Kills it, unless no `reason` is given: then it has ended by itself, and the zygote knows how."""
        if self._end is None:
            if reason is not None:
                self._signal(signal.SIGKILL)
            how = self._zygote.end(self._number)
            self._signal(signal.SIGKILL)  # where the zygote could not do it
            self._is_forsaken = reason is None and not how
            self._end = reason or _reason_in_words(how, self.limits)
            self._conversation.read_what_was_printed()
            self._conversation.close()
            os.close(self._handle)
            os.close(self._held)
        return self._end

    def _why_ended(self, reason: str) -> ScriptKilled | ZygoteLost:
        return ZygoteLost(f"The script was stopped: {reason}.") if self._is_forsaken else ScriptKilled(reason)


def _understood(message: bytearray, call: int, limits: Limits) -> dict[str, Any]:
    try:
        answer = unpack(message)
    except NotPlainData as wrong:
        raise BadAnswer(str(wrong)) from None
    if not isinstance(answer, dict) or answer.get("call") != call:
        raise BadAnswer("it answers another question than was asked")
    if isinstance(result := answer.get("result"), dict):
        return result
    if isinstance(error := answer.get("error"), dict):
        line = error.get("line")
        raise ScriptFailed(
            str(error.get("message", "")),
            str(error.get("traceback", "")),
            line if type(line) is int else None,
            str(error.get("kind", "Exception"))[:200],
        )
    if isinstance(size := answer.get("too_long"), int):
        raise TooMuchOutput(size, limits.answer_bytes)
    raise BadAnswer(str(answer.get("not_plain", "it has no result"))[:1_000])


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
        if os.WEXITSTATUS(status) == STATUS_OUT_OF_MEMORY:
            return "its memory was used up"
        return f"it ended itself with exit status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL and how["cpu_seconds"] >= limits.cpu_seconds - 1:
        return f"it used up its {limits.cpu_seconds} s of processor time"
    return _SIGNALS_IN_WORDS.get(number, f"signal {number} ended it")


_SIGNALS_IN_WORDS: Mapping[int, str] = {
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
