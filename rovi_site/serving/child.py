"""A process of the service: started with its log, restarted when it fails, stopped in order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEPT_LOGS = 3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_LOOK_SECONDS = 0.02
STEADY_SECONDS = 60.0  # one that ran this long failed for another reason than the last time
REFUSED_FOR_GOOD = 77  # EX_NOPERM of sysexits.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Child:
    """`is_endless` tells that its ending by itself, even with status 0, is a failure.

    One that ends with REFUSED_FOR_GOOD says that another start would change nothing, and gets none.
    """

    def __init__(
        self, name: str, command: list[str], logs: Path, environment: dict[str, str],
        is_endless: bool = True, niceness: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self.log = logs / f"{name.replace(' ', '-')}.log"
        self.failures = 0
        self._command = command
        self._environment = environment
        self._is_endless = is_endless
        self._niceness = niceness
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._not_before = 0.0
        keep_old_logs(self.log)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own commands)
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches its whole process group; only the parent shall act on it, in order.
                start_new_session=True,
                preexec_fn=_tied_to(os.getpid(), self._niceness),
            )
        self._started = time.monotonic()

    def look(self) -> str | None:
        """Notices an end, and starts again when its pause is over. Returns a sentence when something happened."""
        if self._process is None:
            if self._not_before and time.monotonic() >= self._not_before:
                self._not_before = 0.0
                self.start()
            return None
        status = self._process.poll()
        if status is None:
            return None
        self._process = None
        if status == 0 and not self._is_endless:
            return f"The {self.name} has ended."
        if status == REFUSED_FOR_GOOD:
            return f"The {self.name} has ended and is not started again: {self.last_words(1)}"
        if time.monotonic() - self._started > STEADY_SECONDS:
            self.failures = 0
        pause = self.pause
        self.failures += 1
        self._not_before = time.monotonic() + pause
        return f"The {self.name} {ending(status)}; starting it again in {pause:.0f} s. Its log: {self.log}"

    @property
    def pause(self) -> float:
        """Seconds before it is started again, should it fail now."""
        return float(min(FIRST_PAUSE_SECONDS * 2**self.failures, LONGEST_PAUSE_SECONDS))

    def stop(self, seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Asks, waits, and after `seconds`, or in a `hurry`, kills; False when it had to."""
        self._not_before = 0.0
        if self._process is None:
            return True
        self._process.send_signal(signal.SIGTERM)  # nothing happens where it has ended already
        until = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > until or hurry():
                self._process.kill()
                self._process.wait()
                return False
            time.sleep(STOP_LOOK_SECONDS)
        return True

    def last_words(self, lines: int = 5) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def keep_old_logs(log: Path) -> None:
    """web.log becomes web.log.1 and so on, so that a start begins a fresh one."""
    if not log.exists() or not log.stat().st_size:
        return
    for number in range(KEPT_LOGS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def ending(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _tied_to(parent: int, niceness: int) -> Callable[[], None]:
    """What a child does before it begins: ask to be killed when its parent dies, however that happens (Linux)."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if niceness:
            os.nice(niceness)
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    return prepare
