"""Data files, read chunk by chunk: HDF5 and Parquet of battery-data-toolkit, CSV, and the Battery Data Format (BDF).

All readers have the same surface, `FileOfRows`. Used by imports, by bulk uploads and by `manage.py stream_hdf5`.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from datahub.errors import FileUnreadable

CHUNK_ROWS = 10_000

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
PARQUET_SIGNATURE = b"PAR1"
GZIP_SIGNATURE = b"\x1f\x8b"


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


def open_rows(path: Path, kinds: Mapping[str, str] | None = None) -> FileOfRows:
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

        return Hdf5Rows(path)
    if start[:4] == PARQUET_SIGNATURE:
        from datahub.readers.parquet import ParquetRows  # noqa: PLC0415  (pyarrow, as above)

        return ParquetRows(path.open("rb"))
    from datahub.readers.csv import CsvRows  # noqa: PLC0415  (beside its siblings)

    is_packed = start[:2] == GZIP_SIGNATURE
    opened = gzip.open(path, "rb") if is_packed else path.open("rb")  # noqa: SIM115  (the reader closes it)
    return CsvRows(cast(BinaryIO, opened), kinds or {})
