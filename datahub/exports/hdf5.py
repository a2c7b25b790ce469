"""HDF5 as battery-data-toolkit reads it, written in blocks (its own writer takes ten seconds for 100,000 rows)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tables

from datahub.exports import blocks, exported_columns
from datahub.models import Battery
from datahub.readers.hdf5 import library_lock
from datahub.windows import Window

PIECE_BYTES = 1 << 16
TYPES = {"integer": "<i8", "float": "<f8", "boolean": "?"}
ROWS_TABLE = "raw_data"


def hdf5_pieces(battery: Battery, window: Window) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.h5"
        write_hdf5(battery, window, path)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def write_hdf5(battery: Battery, window: Window, path: Path) -> None:
    columns = exported_columns(battery, window)
    kinds = _kinds_in_file(battery, window, columns)
    with library_lock, Hdf5File(path, battery.metadata or {"name": battery.name}) as file:
        file.add_table(ROWS_TABLE, kinds)
        for block in blocks(battery, window):
            file.append(ROWS_TABLE, {name: [row[name] for row in block] for name in kinds})


def _kinds_in_file(battery: Battery, window: Window, columns: Mapping[str, str]) -> dict[str, str]:
    """HDF5 has no NULL and no text without a length: so the rows are read once before, to see what there is."""
    longest = {name: 1 for name, kind in columns.items() if kind == "text"}
    with_nulls: set[str] = set()
    for block in blocks(battery, window):
        for name in columns:
            values = [row[name] for row in block]
            if None in values:
                with_nulls.add(name)
            if name in longest:
                longest[name] = max([longest[name], *[len(value.encode()) for value in values if value is not None]])
    return {
        name: f"S{longest[name]}" if kind == "text" else TYPES["float" if name in with_nulls else kind]
        for name, kind in columns.items()
    }


class Hdf5File:
    """A file of battery-data-toolkit: metadata at the root, a table of rows, and tables beside it."""

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        self._path = path
        self._metadata = metadata
        self._file: Any = None

    def __enter__(self) -> Hdf5File:
        from battdat import __version__  # noqa: PLC0415  (imports pandas)
        from battdat.schemas import BatteryMetadata  # noqa: PLC0415  (as above)

        self._file = tables.open_file(str(self._path), "w")
        attributes = self._file.root._v_attrs
        attributes.metadata = json.dumps(self._metadata)
        attributes.json_schema = BatteryMetadata.model_json_schema()
        attributes.battdat_version = __version__
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add_table(self, name: str, kinds: Mapping[str, str], descriptions: Mapping[str, str] | None = None) -> None:
        """`kinds` are numpy's; `descriptions` of the columns where the toolkit does not define them."""
        from battdat import __version__  # noqa: PLC0415  (imports pandas)

        schema = _schema(descriptions or {}, is_rows=name == ROWS_TABLE)
        table = self._file.create_table(
            "/", name, np.dtype(list(kinds.items())), filters=tables.Filters(complevel=5, complib="zlib", shuffle=True)
        )
        table.attrs.metadata = schema.model_dump_json()
        table.attrs.json_schema = schema.model_json_schema()
        table.attrs.battdat_version = __version__

    def append(self, name: str, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> None:
        table = self._file.root[name]
        rows = np.empty(len(next(iter(columns.values()))), dtype=table.dtype)
        for column, values in columns.items():
            rows[column] = _fitting(values, table.dtype[column])
        table.append(rows)


def _schema(descriptions: Mapping[str, str], *, is_rows: bool) -> Any:
    from battdat.schemas.column import ColumnInfo, ColumnSchema, DataType, RawData  # noqa: PLC0415  (imports pandas)

    extra = {
        name: ColumnInfo(description=description, type=DataType.FLOAT) for name, description in descriptions.items()
    }
    return RawData(extra_columns=extra) if is_rows else ColumnSchema(extra_columns=extra)


def _fitting(values: Sequence[Any] | np.ndarray, kind: np.dtype) -> Any:
    if kind.kind == "S":
        return [b"" if value is None else str(value).encode() for value in values]
    if kind.kind == "f" and not isinstance(values, np.ndarray):
        return [np.nan if value is None else value for value in values]
    return values
