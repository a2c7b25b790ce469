"""What can go wrong with a stranger's script, each with its own sentence. After anything but ScriptFailed the guest is
dead.
"""

from __future__ import annotations

from collections.abc import Sequence


class SandboxError(Exception):
    """Anything the sandbox reports."""


class WallsMissing(SandboxError):
    """A wall that is required does not stand on this machine: no script runs here."""

    def __init__(self, missing: Sequence[str], explanation: str = "") -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"Scripts are refused here, because these required walls of the sandbox are missing: {', '.join(missing)}."
            + (f" {explanation}" if explanation else "")
        )


class ZygoteLost(SandboxError):
    """The process that scripts are forked from did not start, or died and could not be started again."""


class GuestNotOpened(SandboxError):
    """The project's own guest code could not be brought up in the sandbox: a fault of the installation, not of a
    script.
    """

    def __init__(self, message: str, traceback_text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.traceback_text = traceback_text


class ScriptError(SandboxError):
    """A script did not do what was asked of it."""


class ScriptFailed(ScriptError):
    """The script raised an error; its guest lives on and takes further calls.

    `line` is the line in the uploaded script itself, None when the error did not pass through it.
    `kind` is the name of the error's class.
    """

    def __init__(
        self, message: str, traceback_text: str = "", line: int | None = None, kind: str = "Exception"
    ) -> None:
        self.message = message
        self.traceback_text = traceback_text
        self.line = line
        self.kind = kind
        place = f"line {line}: " if line is not None else ""
        super().__init__(f"{place}{kind}: {message}" if message else f"{place}{kind}")


class ScriptTimedOut(ScriptError):
    """The script did not answer in time and was killed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"The script did not answer within {seconds:g} s and was stopped.")


class ScriptKilled(ScriptError):
    """The script's process ended: by a wall, a crash, or of its own will. `reason` says which in words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The script was stopped: {reason}.")


class BadAnswer(ScriptError):
    """What came back is not plain data in the agreed form; the guest was killed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The script's answer could not be used: {reason}.")


class TooMuchOutput(ScriptError):
    """The answer is larger than `Limits.answer_bytes`; the guest was killed."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"The script's answer has {size} bytes, of which {limit} are allowed. Return less at once.")
