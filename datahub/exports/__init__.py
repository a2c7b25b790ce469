"""Rows as files: CSV, Parquet and HDF5 of battery-data-toolkit, block by block, so that any number fits in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from datahub.models import Battery
from datahub.queries import column_names, records
from datahub.windows import Window

BLOCK_ROWS = 10_000


@dataclass(frozen=True)
class Format:
    name: str
    content_type: str
    suffix: str


CSV = Format("csv", "text/csv; charset=utf-8", ".csv")
PARQUET = Format("parquet", "application/vnd.apache.parquet", ".parquet")
HDF5 = Format("hdf5", "application/x-hdf5", ".h5")
BDF = Format("bdf", "text/csv; charset=utf-8", ".bdf.csv")
BDF_PARQUET = Format("bdf-parquet", "application/vnd.apache.parquet", ".bdf.parquet")
FORMATS = {each.name: each for each in (CSV, PARQUET, HDF5, BDF, BDF_PARQUET)}

# Machine-readable names of the Battery Data Format (Battery Data Alliance); other columns keep theirs.
BDF_NAMES = {
    "test_time": "test_time_second", "voltage": "voltage_volt", "current": "current_ampere",
    "time": "unix_time_second", "cycle_number": "cycle_count", "step_index": "step_count",
    "internal_resistance": "internal_resistance_ohm", "temperature": "temperature_t1_celsius",
    "ambient_temperature": "ambient_temperature_celsius",
}  # fmt: skip


def exported(battery: Battery, window: Window, wanted: Format) -> Iterator[bytes]:
    """The file, piece by piece. Raises NoSuchColumn at the first piece."""
    labels = labels_in(battery, window, wanted)
    if wanted in (CSV, BDF):
        from datahub.exports.csv import csv_pieces  # noqa: PLC0415  (beside its siblings)

        return csv_pieces(battery, window, labels)
    if wanted in (PARQUET, BDF_PARQUET):
        from datahub.exports.parquet import parquet_pieces  # noqa: PLC0415  (pyarrow; a web process boots without it)

        return parquet_pieces(battery, window, labels)
    from datahub.exports.hdf5 import hdf5_pieces  # noqa: PLC0415  (PyTables, as above)

    return hdf5_pieces(battery, window)


def file_name(battery: Battery, wanted: Format) -> str:
    """A name that every file system takes."""
    return (re.sub(r"[^A-Za-z0-9._-]+", "_", battery.name).strip("._")[:100] or f"battery_{battery.pk}") + wanted.suffix


def exported_columns(battery: Battery, window: Window) -> dict[str, str]:
    """Column to kind in the order of the file; when a row was received goes with it."""
    names = list(window.columns) if window.columns is not None else column_names(battery)
    return {**{name: battery.columns[name] for name in names if name in battery.columns}, "received": "float"}


def labels_in(battery: Battery, window: Window, wanted: Format) -> dict[str, str]:
    """Column to what it is called in the file; a name that is taken there stays as it is."""
    columns = exported_columns(battery, window)
    if wanted not in (BDF, BDF_PARQUET):
        return {name: name for name in columns}
    return {name: label if (label := BDF_NAMES.get(name, name)) not in columns else name for name in columns}


def blocks(battery: Battery, window: Window) -> Iterator[list[dict[str, Any]]]:
    """The window's rows in order of arrival."""
    left = window.limit
    while left is None or left > 0:
        limit = BLOCK_ROWS if left is None else min(BLOCK_ROWS, left)
        block = records(battery, **window.span, after=window.after, limit=limit)
        if block:
            yield block
        if len(block) < limit:
            return
        window = replace(window, after=block[-1]["row_id"])
        left = None if left is None else left - len(block)
