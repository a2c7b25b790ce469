"""One call into a forecaster's script, in the sandbox, with its support files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from prognosis.errors import ForecastFailed, SandboxUnavailable
from prognosis.models import Forecaster
from prognosis.validators import SCRIPT_NAME
from sandbox.errors import (
    BadAnswer,
    GuestNotOpened,
    ScriptError,
    ScriptFailed,
    ScriptKilled,
    ScriptTimedOut,
    TooMuchOutput,
    WallsMissing,
    ZygoteLost,
)
from sandbox.folders import private_folder
from sandbox.limits import Limits
from sandbox.zygote import running_zygote

GUEST = "prognosis.forecasting.guest"
SPARE_DISK_BYTES = 64 * 2**20
ZYGOTES_TRIED = 3
MOST_LINES = 2**20  # of a script, so that a made-up number stays out of the database
CODES: dict[type[ScriptError], str] = {
    ScriptFailed: "script_failed",
    ScriptTimedOut: "script_timed_out",
    ScriptKilled: "script_killed",
    BadAnswer: "bad_answer",
    TooMuchOutput: "answer_too_large",
}


@dataclass(frozen=True)
class Called:
    """What a script answered, and the newest part of what it printed."""

    answer: dict[str, Any]
    output: str


def call_script(forecaster: Forecaster, verb: str, arguments: Mapping[str, Any], seconds: float) -> Called:
    """Calls `verb` of the guest beside fresh copies of script and files; raises ForecastFailed, SandboxUnavailable.

    The copies are the script's to write to, and are removed with the guest. A zygote that dies meanwhile is no fault of
    the script's: it is called again.
    """
    for tried in range(1, ZYGOTES_TRIED + 1):
        try:
            return _called(forecaster, verb, arguments, seconds)
        except ZygoteLost as lost:
            if tried == ZYGOTES_TRIED:
                raise SandboxUnavailable(str(lost)) from None
    raise AssertionError("the last try returns or raises")


def _called(forecaster: Forecaster, verb: str, arguments: Mapping[str, Any], seconds: float) -> Called:
    files: dict[str, Path | bytes] = {SCRIPT_NAME: Path(forecaster.script.path)}
    support = list(forecaster.files.all())
    files |= {file.name: Path(file.file.path) for file in support}
    limits = Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        call_seconds=seconds,
        disk_bytes=sum(file.size for file in support) + SPARE_DISK_BYTES,
    )
    try:
        zygote = running_zygote(settings.SANDBOX_REQUIRED_WALLS)
        guest = zygote.open(GUEST, private_folder(settings.ROVI_DATA / "sandbox", files), limits)
    except (WallsMissing, GuestNotOpened) as wrong:
        raise SandboxUnavailable(str(wrong)) from None
    except (OSError, ValueError) as wrong:
        raise SandboxUnavailable(f"The script's folder could not be made: {wrong}.") from None
    with guest:
        try:
            answer = guest.call(verb, {"script": SCRIPT_NAME, **arguments}, seconds)
        except ScriptError as wrong:
            raise _as_failure(wrong, storable(guest.log)) from None
        return Called(answer, storable(guest.log))


def storable(text: str) -> str:
    """PostgreSQL stores no NUL; a script may print or raise one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _as_failure(wrong: ScriptError, output: str) -> ForecastFailed:
    message, traceback_text, line = str(wrong), "", None
    if isinstance(wrong, ScriptFailed):
        if wrong.kind == "Unfit":  # the guest's own complaint is a sentence already
            message = wrong.message
        traceback_text, line = wrong.traceback_text, wrong.line
    return ForecastFailed(
        storable(message),
        code=CODES.get(type(wrong), "script_failed"),
        traceback_text=storable(traceback_text),
        line=line if line is not None and 0 < line <= MOST_LINES else None,
        output=output,
    )
