"""Parquet files, of battery-data-toolkit (metadata in the file's own) or of anyone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from datahub.errors import FileUnreadable
from datahub.readers import BYTES_A_VALUE, CHUNK_ROWS, MOST_COLUMNS, UNPACKED_BYTES, check_size
from datahub.readers.names import columns_of

METADATA_KEY = b"battery_metadata"
VALUES_OF_A_CHUNK = 4_000_000
LONGEST_FIXED = 4096  # bytes of a value whose length the column fixes
# What pyarrow raises for a file that somebody has forged, or that has been cut.
BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)


class ParquetRows:
    """One Parquet file, read in batches. Timestamps become Unix time in s; one without a zone counts as UTC."""

    format = "parquet"

    def __init__(self, file: BinaryIO, unpacked_bytes: int = UNPACKED_BYTES) -> None:
        self._opened = file
        try:
            self._open(file, unpacked_bytes)
        except FileUnreadable:
            file.close()
            raise
        except BROKEN as error:
            file.close()
            raise FileUnreadable(f"The Parquet file cannot be read: {error}.") from None

    def _open(self, file: BinaryIO, unpacked_bytes: int) -> None:
        texts = [field.name for field in pq.read_schema(file) if _is_text(field.type)]
        file.seek(0)
        # Texts stay the dictionaries that they are in the file: one long text that stands in a million rows is one.
        self._file = pq.ParquetFile(file, read_dictionary=texts)
        schema = self._file.schema_arrow
        found = self._file.metadata
        self.rows = int(found.num_rows)
        if len(schema) > MOST_COLUMNS:
            raise FileUnreadable(f"The Parquet file has {len(schema):,} columns; {MOST_COLUMNS:,} are the most.")
        twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
        if twice is not None:
            raise FileUnreadable(f"The Parquet file names the column {twice!r} twice.", hint="Rename one of them.")
        check_size(self.rows, BYTES_A_VALUE * len(schema), unpacked_bytes)
        unpacked = sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))
        if unpacked > unpacked_bytes:
            raise FileUnreadable(
                f"The Parquet file unpacks into {unpacked:,} bytes; {unpacked_bytes:,} are the most.",
                hint="Send it in parts.",
            )
        self.metadata = _metadata((schema.metadata or {}).get(METADATA_KEY))
        self.skipped = {field.name: f"is of type {field.type}" for field in schema if not _is_plain(field.type)}
        self._columns = columns_of(name for name in schema.names if name not in self.skipped)
        self.names = {label: column.name for label, column in self._columns.items()}

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        rows = max(1, min(rows, VALUES_OF_A_CHUNK // max(1, len(self._columns))))
        try:
            for batch in self._file.iter_batches(batch_size=rows, columns=list(self._columns), use_threads=False):
                yield {
                    column.name: _values(batch.column(label), column.factor) for label, column in self._columns.items()
                }
        except BROKEN as error:
            raise FileUnreadable(f"The Parquet file ends in the middle: {error}.") from None

    def close(self) -> None:
        self._file.close()
        self._opened.close()


def _metadata(text: bytes | None) -> dict[str, Any] | None:
    try:
        document = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    if pa.types.is_fixed_size_binary(kind):
        return bool(kind.byte_width <= LONGEST_FIXED)
    return not (pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind)


def _values(column: pa.Array, factor: float) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        places, among = column.indices.to_pylist(), column.dictionary
        used = sorted(set(places) - {None})
        found = dict(zip(used, _values(among.take(pa.array(used, column.indices.type)), factor), strict=True))
        return [found.get(place) for place in places]
    convert = _converter(column.type)
    values: list[Any] = column.to_pylist()
    if convert is not None:
        values = [None if value is None else convert(value) for value in values]
    if factor != 1.0:
        values = [value * factor if isinstance(value, int | float) else value for value in values]
    return values


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    if pa.types.is_timestamp(kind):
        return _unix_time
    if pa.types.is_date(kind):
        return date.isoformat
    if pa.types.is_decimal(kind):
        return _of_decimal
    return None


def _unix_time(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _of_decimal(number: Decimal) -> float:
    return float(number)
