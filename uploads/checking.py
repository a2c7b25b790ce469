"""What an upload must be before anything is stored: a script that parses, files with plain names, bounded sizes."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.core.files.base import File

from uploads.errors import ScriptRefused, SupportFileRefused

MAX_SUPPORT_FILES = 50


def check_script(definition: str | bytes, script_name: str, must_define: str) -> str:
    """The text of a script that Python can parse; raises ScriptRefused with the line. Nothing of it is run.

    `must_define` tells whoever sent an empty one what belongs there.
    """
    if isinstance(definition, bytes):
        definition = _decoded(definition)
    if len(definition.encode(errors="replace")) > settings.SCRIPT_MAX_BYTES:
        raise ScriptRefused(f"The script is larger than {settings.SCRIPT_MAX_BYTES:,} bytes.")
    if not definition.strip():
        raise ScriptRefused(f"The script is empty; it must define {must_define}.")
    try:
        compile(definition, script_name, "exec", dont_inherit=True)
    except SyntaxError as wrong:
        place = f"Line {wrong.lineno}" if wrong.lineno else "The script cannot be read"
        raise ScriptRefused(f"{place}: {wrong.msg}.", wrong.lineno) from None
    except (ValueError, UnicodeEncodeError) as wrong:
        raise ScriptRefused(f"The script cannot be read: {wrong}.") from None
    except (RecursionError, MemoryError):
        raise ScriptRefused("The script is nested too deeply.") from None
    return definition


def _decoded(script: bytes) -> str:
    try:
        return script.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        # Its own position counts from behind a byte order mark, so the lines are counted in what it was given.
        line = wrong.object[: wrong.start].count(b"\n") + 1
        raise ScriptRefused(f"Line {line}: the script is not UTF-8 text.", line) from None


def check_support_files(files: Sequence[File], script_name: str) -> None:
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
        if name == script_name:
            raise SupportFileRefused(f"{script_name!r} is the name of the script itself; name the file otherwise.")
        if name in seen:
            raise SupportFileRefused(f"Two files are called {name!r}.")
        seen.add(name)
    largest = settings.SUPPORT_FILE_MAX_BYTES
    if sum(file.size for file in files) > largest:
        raise SupportFileRefused(f"The files have more than {largest:,} bytes together.")
