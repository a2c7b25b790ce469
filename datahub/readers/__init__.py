"""Data files, read chunk by chunk: HDF5 and Parquet of battery-data-toolkit, CSV, and the Battery Data Format (BDF).

All readers have the same surface, `FileOfRows`. Used by imports (`datahub.readers.apart`), by bulk uploads and by
`manage.py stream_hdf5`. A file comes from a stranger: what it would unpack into is bounded before it is unpacked, no
link in it is followed and no object in it is unpickled.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from datahub.errors import FileUnreadable

CHUNK_ROWS = 10_000
CHUNK_BYTES = 32 * 2**20  # a chunk has fewer rows where rows are wide
MOST_COLUMNS = 10_000  # of a file; a battery's table has fewer (ROVI_MAX_COLUMNS)
UNPACKED_BYTES = 16 * 2**30  # unless the caller knows better
BYTES_A_VALUE = 8

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
PARQUET_SIGNATURE = b"PAR1"
GZIP_SIGNATURE = b"\x1f\x8b"
ZIP_SIGNATURE = b"PK\x03\x04"


TAKEN = "Files are HDF5 or Parquet of battery-data-toolkit, CSV, or the Battery Data Format."
OTHERS = {
    b"%PDF": "a PDF document", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or document", b"BZh": "a bzip2 archive", b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive", b"SQLite format": "a database", b"\x7fELF": "a program",
    b"MZ": "a program", b"MATLAB": "a MATLAB file", b"\x80\x04": "a pickle, which is not opened here",
    b"<!DOC": "a web page", b"<html": "a web page", b"ARROW1": "an Arrow file",
}  # fmt: skip
CONTROLS = bytes(range(9)) + bytes(range(14, 32))  # in no text; tab, new line and form feed are


class FileOfRows(Protocol):
    """A file that holds rows of one battery. Close it when done."""

    format: str
    rows: int
    metadata: dict[str, Any] | None  # the BatteryMetadata document in it, unchecked
    names: dict[str, str]  # column in the file to column here
    skipped: dict[str, str]  # columns left out, and why

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        """All rows in order, as columns of plain Python values. Text of HDF5 is text, no bytes."""
        ...

    def close(self) -> None: ...


def open_rows(path: Path, kinds: Mapping[str, str] | None = None, unpacked_bytes: int = UNPACKED_BYTES) -> FileOfRows:
    """The reader for a file, told by its content and not its name. Raises FileUnreadable.

    `kinds` are columns that the battery has already: digits in CSV are text where the column is one of text.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise FileUnreadable(f"{path.name} cannot be opened: {error.strerror}.") from None
    if start == HDF5_SIGNATURE:
        from datahub.readers.hdf5 import Hdf5Rows  # noqa: PLC0415  (PyTables; a web process boots without it)

        return Hdf5Rows(path, unpacked_bytes)
    if start[:4] == PARQUET_SIGNATURE:
        from datahub.readers.parquet import ParquetRows  # noqa: PLC0415  (pyarrow, as above)

        return ParquetRows(path.open("rb"), unpacked_bytes)
    if start[:4] == ZIP_SIGNATURE:
        raise FileUnreadable(
            f"{path.name} is a ZIP archive or a spreadsheet; it is not unpacked here.",
            hint="Import the files in it; save a spreadsheet as CSV.",
        )
    if kind := what_is_no_text(path):
        raise FileUnreadable(f"{path.name} is {kind}; no rows can be read from it.", hint=TAKEN)
    from datahub.readers.csv import CsvRows  # noqa: PLC0415  (beside its siblings)

    is_packed = start[:2] == GZIP_SIGNATURE
    opened = gzip.open(path, "rb") if is_packed else path.open("rb")  # noqa: SIM115  (the reader closes it)
    return CsvRows(cast(BinaryIO, opened), kinds or {}, unpacked_bytes)


def what_is_no_text(path: Path) -> str:
    """What a file is that is none of rows; empty where it may be text."""
    with gzip.open(path, "rb") if _is_packed(path) else path.open("rb") as file:
        try:
            start = file.read(4096)
        except (OSError, EOFError):
            return "a broken gzip file"
    for signature, kind in OTHERS.items():
        if start.lstrip().startswith(signature):
            return kind
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text in UTF-16"
    return "neither HDF5 nor Parquet nor text" if start.translate(None, CONTROLS) != start else ""


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP_SIGNATURE


def check_size(rows: int, row_bytes: int, most: int) -> None:
    """Raises FileUnreadable for a file that announces more than it may unpack into."""
    if rows * row_bytes > most:
        raise FileUnreadable(
            f"The file announces {rows:,} rows of {row_bytes:,} bytes; {most:,} bytes are the most once unpacked.",
            hint="Import it in parts.",
        )
