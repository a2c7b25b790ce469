"""Scripts kept warm: one guest of the sandbox an estimator, the least recently used closed first."""

from __future__ import annotations

import contextlib
import errno
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from sandbox.errors import GuestNotOpened, ScriptError, ScriptFailed, WallsMissing, ZygoteLost
from sandbox.folders import private_folder
from sandbox.guest import Guest
from sandbox.limits import Limits
from sandbox.zygote import running_zygote
from twin.errors import EstimatorFailed, NotNow, SandboxUnavailable
from twin.models import SCRIPT_NAME, Estimator, EstimatorProgress, Recomputation

GUEST = "twin.estimation.guest"
MOST_WARM = 32
LOAD_SECONDS = 60.0
SPARE_DISK_BYTES = 64 * 2**20
MOST_LIBRARIES = 100
# A disk that is full or cannot be written, too many open files, no memory: of the machine, and for a while.
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
MOST_LINES = 2**20  # of a script, so that a made-up number stays out of the database


@dataclass
class Warm:
    """A guest and where its estimator stands; None before it has been told."""

    guest: Guest
    position: tuple[Any, ...] | None = None
    libraries: dict[str, str] = field(default_factory=dict)


class WarmGuests:
    """Of one thread: guests by estimator and track."""

    def __init__(self, most: int = MOST_WARM) -> None:
        self.most = most
        self._warm: OrderedDict[tuple[int, bool], Warm] = OrderedDict()

    def at_checkpoint(self, estimator: Estimator, track: EstimatorProgress | Recomputation) -> Guest:
        """A guest that stands where the track's checkpoint does; raises what `loaded_guest` does."""
        key = (estimator.pk, track.is_again)
        warm = self._warm.get(key)
        if warm is None or not warm.guest.alive:
            self._close(key)
            guest, found = loaded_guest(estimator)
            warm = self._warm[key] = Warm(guest, libraries=versions_checked(found.get("library_versions")))
        self._warm.move_to_end(key)
        while len(self._warm) > self.most:
            self._close(next(iter(self._warm)))
        if warm.position != track.position:
            with failing_as_estimator(warm.guest):
                warm.guest.call("restore", {"checkpoint": bytes(track.checkpoint or b"")}, LOAD_SECONDS)
            warm.position = track.position
        return warm.guest

    def stands_at(self, track: EstimatorProgress | Recomputation, position: tuple[Any, ...]) -> None:
        if (track.pk, track.is_again) in self._warm:
            self._warm[track.pk, track.is_again].position = position

    def libraries_of(self, track: EstimatorProgress | Recomputation) -> dict[str, str]:
        warm = self._warm.get((track.pk, track.is_again))
        return warm.libraries if warm else {}

    def close(self, estimator_id: int) -> None:
        for is_again in (False, True):
            self._close((estimator_id, is_again))

    def _close(self, key: tuple[int, bool]) -> None:
        warm = self._warm.pop(key, None)
        if warm is not None:
            warm.guest.close()

    def close_all(self) -> None:
        for key in list(self._warm):
            self._close(key)


def loaded_guest(estimator: Estimator) -> tuple[Guest, dict[str, Any]]:
    """A new guest that has run the script, and what it found there.

    Raises EstimatorFailed, SandboxUnavailable; NotNow and ZygoteLost, after which another try may go well.
    """
    support = list(estimator.files.all())
    files: dict[str, Path | bytes] = {SCRIPT_NAME: Path(estimator.script.path)}
    files |= {file.name: Path(file.file.path) for file in support}
    limits = Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        call_seconds=settings.SANDBOX_CALL_SECONDS,
        disk_bytes=sum(file.size for file in support) + SPARE_DISK_BYTES,
    )
    try:
        zygote = running_zygote(settings.SANDBOX_REQUIRED_WALLS)
        guest = zygote.open(GUEST, private_folder(Path(settings.ROVI_DATA) / "sandbox", files), limits)
    except (WallsMissing, GuestNotOpened) as wrong:
        raise SandboxUnavailable(str(wrong)) from wrong
    except (OSError, ValueError) as wrong:
        told = f"The script's folder could not be made: {wrong}."
        if getattr(wrong, "errno", None) in PASSING:
            raise NotNow(told) from wrong
        raise SandboxUnavailable(told) from wrong
    try:
        with failing_as_estimator(guest):
            return guest, guest.call("load", {"script": SCRIPT_NAME}, LOAD_SECONDS)
    except (EstimatorFailed, ZygoteLost):
        guest.close()
        raise


@contextlib.contextmanager
def failing_as_estimator(guest: Guest) -> Iterator[None]:
    """Turns what the sandbox says of a script into EstimatorFailed."""
    try:
        yield
    except ScriptFailed as wrong:
        raise failure_of(
            {"kind": wrong.kind, "message": wrong.message, "line": wrong.line, "traceback": wrong.traceback_text},
            output=guest.log,
        ) from wrong
    except ScriptError as wrong:
        raise EstimatorFailed(storable(str(wrong)), output=storable(guest.log)) from wrong


def failure_of(error: Mapping[str, Any], *, row: int | None = None, output: str = "") -> EstimatorFailed:
    """What a guest tells of an error, read with suspicion: it is a process that a script has run in."""
    kind, message = str(error.get("kind", "Exception")), str(error.get("message", ""))
    line = error.get("line")
    line = line if isinstance(line, int) and 0 < line <= MOST_LINES else None
    if kind == "Unfit":  # the guest's own complaint is a sentence already
        sentence = message
    else:
        sentence = f"{kind}: {message}" if message else kind
        sentence = f"{sentence.rstrip('.')}, line {line}." if line else sentence
    return EstimatorFailed(
        storable(sentence)[:5000],
        traceback_text=storable(str(error.get("traceback", "")))[:50_000],
        line=line,
        row=row,
        output=storable(output),
    )


def storable(text: str) -> str:
    """PostgreSQL stores no NUL; a script may print or raise one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def versions_checked(found: object) -> dict[str, str]:
    """As told by a process that a script has run in: taken for text, and for no more than a page of it."""
    pairs = list(found.items())[:MOST_LIBRARIES] if isinstance(found, dict) else []
    return {storable(str(name))[:100]: storable(str(version))[:100] for name, version in pairs}
