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
from datahub.readers import CHUNK_ROWS
from datahub.readers.names import columns_of

METADATA_KEY = b"battery_metadata"


class ParquetRows:
    """One Parquet file, read in batches. Timestamps become Unix time in s; one without a zone counts as UTC."""

    format = "parquet"

    def __init__(self, file: BinaryIO) -> None:
        self._opened = file
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            file.close()
            raise FileUnreadable(f"The Parquet file cannot be read: {error}.") from None
        schema = self._file.schema_arrow
        self.rows = int(self._file.metadata.num_rows)
        self.metadata = _metadata((schema.metadata or {}).get(METADATA_KEY))
        self.skipped = {field.name: f"is of type {field.type}" for field in schema if not _is_plain(field.type)}
        self._columns = columns_of(name for name in schema.names if name not in self.skipped)
        self.names = {label: column.name for label, column in self._columns.items()}

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        try:
            for batch in self._file.iter_batches(batch_size=rows, columns=list(self._columns)):
                yield {
                    column.name: _values(batch.column(label), column.factor) for label, column in self._columns.items()
                }
        except (pa.ArrowException, OSError) as error:
            raise FileUnreadable(f"The Parquet file ends in the middle: {error}.") from None

    def close(self) -> None:
        self._file.close()
        self._opened.close()


def _metadata(text: bytes | None) -> dict[str, Any] | None:
    try:
        document = json.loads(text) if text else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    return not (pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind))


def _values(column: pa.Array, factor: float) -> list[Any]:
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
