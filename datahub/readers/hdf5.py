"""HDF5 files of battery-data-toolkit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tables

from datahub.errors import FileUnreadable
from datahub.readers import CHUNK_ROWS
from datahub.readers.names import columns_of

if TYPE_CHECKING:
    from tables import File, Table

NAME_OF_TABLE = "raw_data"

# PyTables and the HDF5 library are not safe in threads, and a worker may run two imports at once.
library_lock = threading.Lock()


class Hdf5Rows:
    """The first table `raw_data` of a file, read in slices."""

    format = "hdf5"

    def __init__(self, path: Path) -> None:
        with library_lock:
            self._open(path)
        self.skipped = {
            name: "holds an array a row"
            for name in self._table.colnames
            if self._table.coldescrs[name].shape != () or self._table.coltypes[name].startswith("complex")
        }
        self._columns = columns_of(name for name in self._table.colnames if name not in self.skipped)
        self.names = {label: column.name for label, column in self._columns.items()}

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        for first in range(0, self.rows, rows):
            block = self._read(first, min(first + rows, self.rows))
            yield {column.name: _values(block[label], column.factor) for label, column in self._columns.items()}

    def close(self) -> None:
        with library_lock:
            self._file.close()

    def _open(self, path: Path) -> None:
        try:
            self._file: File = tables.open_file(str(path), "r")
        except (tables.HDF5ExtError, OSError) as error:
            raise FileUnreadable(f"{path.name} is no HDF5 file that can be read: {error}.") from None
        try:
            self._table = self._find_table(path.name)
            self.rows = int(self._table.nrows)
            self.metadata = self._read_metadata()
        except FileUnreadable:
            self._file.close()
            raise

    def _read(self, first: int, end: int) -> np.ndarray:
        try:
            with library_lock:
                return self._table.read(first, end)
        except (tables.HDF5ExtError, OSError) as error:
            raise FileUnreadable(f"Rows {first} to {end} of the HDF5 file cannot be read: {error}.") from None

    def _find_table(self, file_name: str) -> Table:
        found = [node for node in self._file.walk_nodes("/", "Table") if node._v_name == NAME_OF_TABLE]
        if not found:
            others = [node._v_pathname for node in self._file.walk_nodes("/", "Table")]
            raise FileUnreadable(
                f"{file_name} has no table {NAME_OF_TABLE!r}.",
                hint=f"It has {', '.join(others) or 'no tables at all'}; write it with battery-data-toolkit's to_hdf.",
            )
        return min(found, key=lambda node: node._v_pathname.count("/"))

    def _read_metadata(self) -> dict[str, Any] | None:
        attributes = self._file.root._v_attrs
        if "metadata" not in attributes:
            return None
        try:
            document = json.loads(str(attributes["metadata"]))
        except ValueError:
            return None
        return document if isinstance(document, dict) else None


def _values(column: np.ndarray, factor: float) -> list[Any]:
    if column.dtype.kind == "S":
        # PyTables cuts trailing NULs; what is no UTF-8 is left as bytes, for ingest to refuse with its row.
        return [_text(value) for value in column.tolist()]
    if factor != 1.0:
        column = column * factor
    values: list[Any] = column.tolist()
    return values


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
