"""Parquet as battery-data-toolkit writes it: the metadata and the columns' schema stand in the file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from datahub.exports import blocks, exported_columns
from datahub.models import Battery
from datahub.windows import Window

TYPES = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
PIECE_BYTES = 1 << 16


def parquet_pieces(battery: Battery, window: Window, labels: Mapping[str, str]) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        write_parquet(battery, window, file, labels)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def write_parquet(battery: Battery, window: Window, file: IO[bytes], labels: Mapping[str, str]) -> None:
    from battdat.schemas.column import RawData  # noqa: PLC0415  (imports pandas)

    columns = exported_columns(battery, window)
    schema = pa.schema(
        [(labels[name], TYPES[kind]) for name, kind in columns.items()],
        metadata={
            "battery_metadata": json.dumps(battery.metadata or {"name": battery.name}),
            "table_metadata": RawData().model_dump_json(),
        },
    )
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for block in blocks(battery, window):
            writer.write_table(
                pa.Table.from_pylist([{labels[name]: row[name] for name in columns} for row in block], schema)
            )
