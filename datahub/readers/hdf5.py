"""HDF5 files of battery-data-toolkit."""

from __future__ import annotations

import contextlib
import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tables
import tables.attributeset

from datahub.errors import FileUnreadable
from datahub.readers import CHUNK_BYTES, CHUNK_ROWS, MOST_COLUMNS, UNPACKED_BYTES, check_size
from datahub.readers.names import columns_of

if TYPE_CHECKING:
    from tables import File, Table

NAME_OF_TABLE = "raw_data"
MOST_NODES = 2_000
DEEPEST = 16
ROW_BYTES = 1 << 20
CHUNK_ON_DISK_BYTES = 64 * 2**20  # HDF5 unpacks a whole chunk of the file to read one row of it

# What PyTables raises for a file that somebody has forged, or that has been cut.
BROKEN = (tables.HDF5ExtError, tables.NodeError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError,
          pickle.UnpicklingError, ZeroDivisionError, RecursionError)  # fmt: skip

# PyTables and the HDF5 library are not safe in threads, and a worker may run two imports at once.
library_lock = threading.Lock()


class Hdf5Rows:
    """The table `raw_data` nearest to the root of a file, read in slices."""

    format = "hdf5"

    def __init__(self, path: Path, unpacked_bytes: int = UNPACKED_BYTES) -> None:
        self._most = unpacked_bytes
        with _library():
            self._open(path)
        self.skipped = {
            name: "holds an array a row"
            for name in self._table.colnames
            if self._table.coldescrs[name].shape != () or self._table.coltypes[name].startswith("complex")
        }
        self._columns = columns_of(name for name in self._table.colnames if name not in self.skipped)
        self.names = {label: column.name for label, column in self._columns.items()}

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        rows = max(1, min(rows, CHUNK_BYTES // self._row_bytes))
        for first in range(0, self.rows, rows):
            block = self._read(first, min(first + rows, self.rows))
            yield {column.name: _values(block[label], column.factor) for label, column in self._columns.items()}

    def close(self) -> None:
        with library_lock:
            self._file.close()

    def _open(self, path: Path) -> None:
        try:
            self._file: File = tables.open_file(str(path), "r")
        except BROKEN as error:
            raise FileUnreadable(f"{path.name} is no HDF5 file that can be read: {error}.") from None
        try:
            self._table = self._find_table(path.name)
            self.rows = int(self._table.nrows)
            self._row_bytes = max(1, int(self._table.rowsize))
            self._check_table()
            self.metadata = self._read_metadata()
        except FileUnreadable:
            self._file.close()
            raise
        except BROKEN as error:
            self._file.close()
            raise FileUnreadable(f"{path.name} is no HDF5 file that can be read: {error}.") from None

    def _read(self, first: int, end: int) -> np.ndarray:
        try:
            with _library():
                return self._table.read(first, end)
        except BROKEN as error:
            raise FileUnreadable(f"Rows {first} to {end} of the HDF5 file cannot be read: {error}.") from None

    def _find_table(self, file_name: str) -> Table:
        others = []
        for node in self._nodes():
            if node._v_name == NAME_OF_TABLE and isinstance(node, tables.link.Link):
                raise FileUnreadable(
                    f"{node._v_pathname} of {file_name} is a link to {node.target!r}; links are not followed.",
                    hint="Write the rows into the file itself.",
                )
            if isinstance(node, tables.Table):
                if node._v_name == NAME_OF_TABLE:
                    return node
                others.append(node._v_pathname)
        raise FileUnreadable(
            f"{file_name} has no table {NAME_OF_TABLE!r}.",
            hint=f"It has {', '.join(others) or 'no tables at all'}; write it with battery-data-toolkit's to_hdf.",
        )

    def _nodes(self) -> Iterator[Any]:
        """Nodes, those nearest to the root first. A group may hold itself, so depth and number are bounded."""
        groups, seen = [self._file.root], 0
        for _ in range(DEEPEST):
            inner = []
            for group in groups:
                for name in group._v_children:
                    seen += 1
                    if seen > MOST_NODES:
                        raise FileUnreadable(f"The HDF5 file has more than {MOST_NODES:,} groups and tables.")
                    node = group._f_get_child(name)
                    yield node
                    if isinstance(node, tables.Group):
                        inner.append(node)
            groups = inner

    def _check_table(self) -> None:
        """What the table announces, before any of it is read: HDF5 sets aside what is announced."""
        table = self._table
        if not table.chunkshape or not table.chunkshape[0]:
            # Only such a table can have its rows in another file, whichever its author names.
            raise FileUnreadable(
                f"The table {table._v_pathname} is not stored in chunks of the file itself.",
                hint="Write it with battery-data-toolkit's to_hdf.",
            )
        if len(table.colnames) > MOST_COLUMNS:
            raise FileUnreadable(f"The table has {len(table.colnames):,} columns; {MOST_COLUMNS:,} are the most.")
        if self._row_bytes > ROW_BYTES:
            raise FileUnreadable(f"A row of the table has {self._row_bytes:,} bytes; {ROW_BYTES:,} are the most.")
        unpacked = table.chunkshape[0] * self._row_bytes
        if unpacked > CHUNK_ON_DISK_BYTES:
            raise FileUnreadable(
                f"A chunk of the table unpacks into {unpacked:,} bytes; {CHUNK_ON_DISK_BYTES:,} are the most.",
                hint="Write it in smaller chunks.",
            )
        check_size(self.rows, self._row_bytes, self._most)

    def _read_metadata(self) -> dict[str, Any] | None:
        attributes = self._file.root._v_attrs
        if "metadata" not in attributes:
            return None
        try:
            document = json.loads(str(attributes["metadata"]))
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None


class _NoPickles:
    """PyTables unpickles whatever attribute looks like a pickle, as it opens a node: that would run a stranger's code.

    Given this in the place of the module, it hands such an attribute out as the bytes that it is.
    """

    HIGHEST_PROTOCOL = pickle.HIGHEST_PROTOCOL
    dumps = staticmethod(pickle.dumps)

    @staticmethod
    def loads(*_: Any, **__: Any) -> Any:
        raise pickle.UnpicklingError("objects in a data file are not unpickled")


@contextlib.contextmanager
def _library() -> Iterator[None]:
    """The library to oneself, and without pickles; what this service writes itself goes by `library_lock` alone."""
    with library_lock:
        users = (tables.attributeset, tables.atom)
        for module in users:
            module.pickle = _NoPickles
        try:
            yield
        finally:
            for module in users:
                module.pickle = pickle


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
