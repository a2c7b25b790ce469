"""Inside the sandbox: reads a data file that a stranger sent, hands out its rows as plain values. No Django here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Imported before the doors close: afterwards the project's own files cannot be read.
import datahub.readers.csv
import datahub.readers.hdf5
import datahub.readers.parquet  # noqa: F401
from datahub.errors import FileUnreadable
from datahub.readers import FileOfRows, open_rows

LEAST, GREATEST = -(2**63), 2**64 - 1  # what crosses as a whole number


class Kept:
    """What this process holds between calls."""

    rows: FileOfRows
    chunks: Iterator[dict[str, list[Any]]] | None = None


kept = Kept()


def begin(arguments: dict[str, Any]) -> dict[str, Any]:
    """Opens the file and tells what it holds, or why it is not read."""
    # PyTables asks access(2) before it opens, which weighs the user alone and not what a guest may read beside.
    os.access = lambda *_, **__: True
    try:
        kept.rows = rows = open_rows(Path(arguments["file"]), arguments["kinds"], arguments["unpacked_bytes"])
    except FileUnreadable as refused:
        return _told(refused)
    return {
        "format": rows.format, "rows": rows.rows, "metadata": json.dumps(rows.metadata),
        "names": [[_text(label), name] for label, name in rows.names.items()],
        "skipped": [[_text(label), _text(why)] for label, why in rows.skipped.items()],
    }  # fmt: skip


def following(arguments: dict[str, Any]) -> dict[str, Any]:
    """The next chunk; none where the file ends."""
    if kept.chunks is None:
        kept.chunks = kept.rows.chunks(arguments["rows"])
    try:
        chunk = next(kept.chunks, None)
    except FileUnreadable as refused:
        return _told(refused)
    if chunk is None:
        return {"columns": None}
    return {"columns": {name: _crossing(values) for name, values in chunk.items()}}


verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"begin": begin, "following": following}


def _told(refused: FileUnreadable) -> dict[str, Any]:
    return {"refused": _text(refused.message), "hint": _text(refused.hint)}


def _text(text: str) -> str:
    """What cannot be written in UTF-8 is shown."""
    return text.encode(errors="backslashreplace").decode()


def _crossing(values: list[Any]) -> list[Any]:
    """A whole number too large to cross is too large to be stored: the greatest that crosses says so as well."""
    if any(type(value) is int and not LEAST <= value <= GREATEST for value in values):
        return [min(max(value, LEAST), GREATEST) if type(value) is int else value for value in values]
    return values
