"""What an upload must be before anything is stored: a script that parses, files with plain names, bounded sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.files.base import File

from twin.errors import RequiredTimeRefused, ScriptRefused, SupportFileRefused
from twin.models import SCRIPT_NAME

MAX_SUPPORT_FILES = 50


def check_script(definition: str | bytes) -> str:
    """The text of a script that Python can parse; raises ScriptRefused with the line. Nothing of it is run."""
    if isinstance(definition, bytes):
        try:
            definition = definition.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            line = wrong.object[: wrong.start].count(b"\n") + 1
            raise ScriptRefused(f"Line {line}: the script is not UTF-8 text.", line) from None
    if len(definition.encode(errors="replace")) > settings.SCRIPT_MAX_BYTES:
        raise ScriptRefused(f"The script is larger than {settings.SCRIPT_MAX_BYTES:,} bytes.")
    if not definition.strip():
        raise ScriptRefused("The script is empty; it must define an object `estimator`.")
    try:
        compile(definition, SCRIPT_NAME, "exec", dont_inherit=True)
    except SyntaxError as wrong:
        raise ScriptRefused(f"Line {wrong.lineno}: {wrong.msg}.", wrong.lineno) from None
    except (ValueError, UnicodeEncodeError) as wrong:
        raise ScriptRefused(f"The script cannot be read: {wrong}.") from None
    except (RecursionError, MemoryError):
        raise ScriptRefused("The script is nested too deeply.") from None
    return definition


def check_support_files(files: Sequence[File]) -> None:
    """Raises SupportFileRefused for a name that is no plain name, comes twice or is the script's, and for sizes."""
    from sandbox.folders import BadFileName, check_file_name  # noqa: PLC0415  (numpy; a web process boots without it)

    if len(files) > MAX_SUPPORT_FILES:
        raise SupportFileRefused(f"{len(files)} files came; {MAX_SUPPORT_FILES} are the most. Pack them into one.")
    seen: set[str] = set()
    for file in files:
        name = file.name or ""
        try:
            check_file_name(name)
        except BadFileName as wrong:
            raise SupportFileRefused(str(wrong)) from None
        if name == SCRIPT_NAME:
            raise SupportFileRefused(f"{SCRIPT_NAME!r} is the name of the script itself; name the file otherwise.")
        if name in seen:
            raise SupportFileRefused(f"Two files are called {name!r}.")
        seen.add(name)
    largest = settings.SUPPORT_FILE_MAX_BYTES
    if sum(file.size for file in files) > largest:
        raise SupportFileRefused(f"The files have more than {largest:,} bytes together.")


def check_required_time(given: Any) -> float:
    """Seconds, 0 or more; None and an empty text are 0. Raises RequiredTimeRefused."""
    if given is None or given == "":
        return 0.0
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        raise RequiredTimeRefused(given) from None
    if not math.isfinite(seconds):
        raise RequiredTimeRefused(given)
    return max(seconds, 0.0)
