"""Data files that strangers sent, read in a guest of the sandbox.

Libraries that read HDF5 and Parquet are large and written in C: a file made for the purpose may crash them, fill the
memory, or make them do what its author wants. So they meet it in a process that can reach nothing else, with bounds on
memory and time. Where the walls of the sandbox do not stand, the file is read in this process, under the same bounds on
what it announces (datahub.readers).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from datahub.errors import FileUnreadable
from datahub.readers import CHUNK_ROWS, FileOfRows, open_rows

if TYPE_CHECKING:
    from sandbox import Guest

logger = logging.getLogger(__name__)

GUEST = "datahub.readers.guest"
SECONDS_TO_OPEN = 600.0  # CSV is read whole, to learn what each column holds
SECONDS_A_CHUNK = 120.0
VALUES_A_CHUNK = 1_000_000  # what one answer of a guest may hold, and some to spare
SPARE_DISK_BYTES = 2**20
ANSWER_BYTES = 256 * 2**20


def open_rows_apart(path: Path, kinds: Mapping[str, str] | None = None) -> FileOfRows:
    """As `datahub.readers.open_rows`; raises FileUnreadable too where the file broke what reads it."""
    guest = _guest_for(path)
    if guest is None:
        return open_rows(path, kinds, settings.IMPORT_MAX_BYTES)
    try:
        return RowsReadApart(guest, path.name, kinds or {})
    except BaseException:
        guest.close()
        raise


class RowsReadApart:
    """A file as its guest tells of it: what comes back is checked, for a stranger's file was read in that process."""

    def __init__(self, guest: Guest, file_name: str, kinds: Mapping[str, str]) -> None:
        self._guest = guest
        self._file_name = file_name
        asked = {"file": _name_for(file_name), "kinds": dict(kinds), "unpacked_bytes": settings.IMPORT_MAX_BYTES}
        found = self._ask("begin", asked, SECONDS_TO_OPEN)
        rows, metadata = found.get("rows"), found.get("metadata")
        if type(rows) is not int or rows < 0 or not isinstance(metadata, str):
            raise self._unbelievable()
        self.format = str(found.get("format"))[:10]
        self.rows = rows
        self.names = self._pairs(found.get("names"))
        self.skipped = self._pairs(found.get("skipped"))
        try:
            document = json.loads(metadata)
        except (ValueError, RecursionError):
            raise self._unbelievable() from None
        self.metadata: dict[str, Any] | None = document if isinstance(document, dict) else None

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        rows = max(1, min(rows, VALUES_A_CHUNK // max(1, len(self.names))))
        names = set(self.names.values())
        while True:
            columns = self._ask("following", {"rows": rows}, SECONDS_A_CHUNK).get("columns")
            if columns is None:
                return
            if not isinstance(columns, dict) or set(columns) != names:
                raise self._unbelievable()
            lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
            if len(lengths) > 1 or -1 in lengths:
                raise self._unbelievable()
            yield columns

    def close(self) -> None:
        self._guest.close()

    def _ask(self, verb: str, arguments: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        from sandbox import ScriptError, ScriptFailed  # noqa: PLC0415  (numpy; a web process boots without it)

        try:
            answer = self._guest.call(verb, arguments, seconds)
        except ScriptFailed as failed:
            why = "it takes more memory than a file may" if failed.kind == "MemoryError" else failed.kind
            logger.info("A file could not be read: %s\n%s", failed, failed.traceback_text)
            raise FileUnreadable(f"{self._file_name} cannot be read: {why}.") from None
        except ScriptError as ended:
            reason = getattr(ended, "reason", "") or f"it did not end within {seconds:g} s"
            raise FileUnreadable(f"{self._file_name} cannot be read; reading it was stopped: {reason}.") from None
        if isinstance(refused := answer.get("refused"), str):
            raise FileUnreadable(refused[:2000], hint=str(answer.get("hint", ""))[:2000])
        return answer

    def _pairs(self, found: object) -> dict[str, str]:
        if not isinstance(found, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in found
        ):
            raise self._unbelievable()
        return {label[:1000]: told[:1000] for label, told in found}

    def _unbelievable(self) -> FileUnreadable:
        return FileUnreadable(f"{self._file_name} cannot be read: what reads it gave an answer that cannot be used.")


def _guest_for(path: Path) -> Guest | None:
    """A guest with a copy of the file; None where the walls of the sandbox do not stand."""
    from sandbox import GuestNotOpened, Limits, WallsMissing, ZygoteLost  # noqa: PLC0415  (numpy, as above)
    from sandbox.folders import private_folder  # noqa: PLC0415  (as above)
    from sandbox.zygote import running_zygote  # noqa: PLC0415  (as above)

    try:
        limits = Limits(
            memory_bytes=settings.SANDBOX_MEMORY_BYTES,
            disk_bytes=path.stat().st_size + SPARE_DISK_BYTES,
            answer_bytes=ANSWER_BYTES,
        )
        zygote = running_zygote(settings.SANDBOX_REQUIRED_WALLS)
        folder = private_folder(Path(settings.ROVI_DATA) / "sandbox", {_name_for(path.name): path})
        return zygote.open(GUEST, folder, limits)
    except WallsMissing as missing:
        logger.warning("%s is read without the sandbox. %s", path.name, missing)
        return None
    except (ZygoteLost, GuestNotOpened, OSError) as wrong:
        raise FileUnreadable(
            f"{path.name} was not read, for the sandbox did not come up: {wrong}", hint="Retry the job."
        ) from wrong


def _name_for(name: str) -> str:
    """The file's own where a guest's folder can have it, for sentences about it to name."""
    from sandbox import BadFileName, check_file_name  # noqa: PLC0415  (as above)

    try:
        check_file_name(name)
    except BadFileName:
        return "data"
    return name
