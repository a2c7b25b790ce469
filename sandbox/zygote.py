"""The owner's side of the zygote: start it, open guests from it, and start it anew when it has died."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.doors import SINGLE_THREADED
from sandbox.errors import SandboxError, WallsMissing, ZygoteLost
from sandbox.folders import remove_folder
from sandbox.guest import Guest
from sandbox.limits import Limits
from sandbox.walls import DEFAULT_WALLS, probe_walls

_PROJECT = Path(__file__).resolve().parent.parent

# Imported once, before any fork. ROVI's Moirae counts where it is installed; importing a name that is not costs
# nothing.
PRELOADED = (
    "numpy",
    "pandas",
    "sklearn.linear_model",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "scipy.optimize",
    "scipy.interpolate",
    "scipy.stats",
    "battdat.data",
    "moirae.estimators.online.joint",
    "moirae.models.ecm",
    "energykit",
)

_SECONDS_TO_START = 120.0
_SECONDS_TO_ANSWER = 30.0
_MOST_ANSWER_BYTES = 1 << 16


class Zygote:
    """A process with the libraries loaded, from which guests are forked in milliseconds. Safe to use from several
    threads.
    """

    def __init__(self, required_walls: Iterable[str] = DEFAULT_WALLS, preload: Sequence[str] = PRELOADED) -> None:
        self.required_walls = tuple(required_walls)
        self.preload = tuple(preload)
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._numbers = itertools.count(1)  # never used twice, also when the process is another one by then

    @classmethod
    def start(cls, required_walls: Iterable[str] = DEFAULT_WALLS, preload: Sequence[str] = PRELOADED) -> Zygote:
        """Raises WallsMissing before anything runs, and ZygoteLost when the process does not come up."""
        zygote = cls(required_walls, preload)
        zygote.ensure()
        return zygote

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def ensure(self) -> None:
        """Starts the process unless it lives."""
        with self._lock:
            if self.alive:
                return
            walls = probe_walls()
            if missing := walls.missing(self.required_walls):
                raise WallsMissing(missing, " ".join(walls.sentences_about(missing)))
            self.stop()
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-m", "sandbox.zygote_process", str(theirs.fileno()), *self.preload],
                cwd=_PROJECT,  # so that the project's packages are found
                env={"LANG": "C.UTF-8", "TZ": "UTC", **SINGLE_THREADED},  # the worker's own may hold passwords
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C at a terminal is the owner's matter
            )
        self._control = ours
        ours.settimeout(_SECONDS_TO_START)
        self._hear()
        ours.settimeout(_SECONDS_TO_ANSWER)

    def stop(self) -> None:
        """Ends the process and every guest that still lives. May be called twice."""
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                try:
                    self._process.wait(5)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                self._process = None

    def open(self, guest: str, folder: Path, limits: Limits | None = None) -> Guest:
        """A new guest: the trusted module `guest` (dotted path) serving in `folder`, which becomes its own and is
        removed with it.

        Raises WallsMissing, GuestNotOpened (a fault in the module itself), ZygoteLost.
        """
        limits = limits or Limits()
        try:
            with self._lock:
                self.ensure()
                try:
                    newcomer = self._open(guest, folder, limits)
                except ZygoteLost:  # it died just now
                    self.ensure()
                    newcomer = self._open(guest, folder, limits)
        except SandboxError:
            remove_folder(folder)
            raise
        newcomer.wait_until_doors_are_closed()
        return newcomer

    def _open(self, guest: str, folder: Path, limits: Limits) -> Guest:
        assert self._control is not None
        number = next(self._numbers)
        order = {
            "do": "open",
            "number": number,
            "guest": guest,
            "folder": str(folder.resolve()),
            "limits": limits.to_mapping(),
            "required": self.required_walls,
        }
        channel, theirs = socket.socketpair()
        log, their_log = os.pipe2(os.O_CLOEXEC)
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], [theirs.fileno(), their_log])
            born, handle = self._hear_with_handle()
        except (OSError, ZygoteLost) as lost:
            channel.close()
            os.close(log)
            raise ZygoteLost("The process that scripts are forked from has died.") from lost
        finally:
            theirs.close()
            os.close(their_log)
        return Guest(self, number, born["process"], handle, (channel, log), folder.resolve(), limits)

    def end(self, number: int) -> dict[str, Any] | None:
        """Kills guest `number` and tells how it ended; None when the zygote is no longer there to know."""
        with self._lock:
            if self._control is None or not self.alive:
                return None
            try:
                self._control.send(json.dumps({"do": "end", "number": number}).encode())
                return self._hear()
            except (OSError, ZygoteLost):
                return None

    def _hear(self) -> dict[str, Any]:
        assert self._control is not None
        try:
            text = self._control.recv(_MOST_ANSWER_BYTES)
        except TimeoutError:
            text = b""
        if not text:
            self._kill()
            raise ZygoteLost(
                "The process that scripts are forked from did not answer; its own messages are in the worker's log."
            )
        return json.loads(text)

    def _hear_with_handle(self) -> tuple[dict[str, Any], int]:
        assert self._control is not None
        text, handles, _, _ = socket.recv_fds(self._control, _MOST_ANSWER_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if not text or not handles:
            self._kill()
            raise ZygoteLost("The process that scripts are forked from has died.")
        return json.loads(text), handles[0]

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


_running: Zygote | None = None
_running_lock = threading.Lock()


def running_zygote(required_walls: Iterable[str] = DEFAULT_WALLS) -> Zygote:
    """The one zygote of this process: started at the first call, started anew when it has died."""
    global _running
    with _running_lock:
        wanted = tuple(required_walls)
        if _running is None or _running.required_walls != wanted:
            if _running is not None:
                _running.stop()
            _running = Zygote(wanted)
        _running.ensure()
        return _running


def stop_running_zygote() -> None:
    """For the end of the worker; without it the zygote ends by itself when its owner does."""
    global _running
    with _running_lock:
        if _running is not None:
            _running.stop()
            _running = None
