"""CSV without quotes, as loggers write it, read many times quicker than by `CsvRows`, with the same outcome.

Where anything is out of the ordinary the answer is None, and `CsvRows` reads the text, or says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from datahub.readers.csv import EMPTY, TEXT, CsvRows, converted, kind_of

BEYOND_INTEGERS = 2.0**63
UNUSUAL = (b'"', b"\0")
LINE_END = re.compile(rb"\r\n|\n|\r")


def columns_of_plain(body: bytes, kinds: Mapping[str, str], most_values: int) -> dict[str, list[Any]] | None:
    """Columns of plain Python values; `kinds` as for CsvRows. Raises FileUnreadable for a header that it would refuse.

    None where the text has quotes, lines of unequal length, more values than `most_values` or anything else that
    needs a closer look.
    """
    end = LINE_END.search(body)
    if end is None or end.start() == 0 or any(mark in body for mark in UNUSUAL):
        return None
    if body.count(b"\r") != body.count(b"\r\n"):
        return None
    reader = CsvRows(BytesIO(body[: end.end()]), kinds)
    if body.count(reader.delimiter.encode()) + body.count(b"\n") > most_values:
        return None
    strings = [str(place) for place in range(len(reader.header))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(body).slice(end.end())),
            read_options=pacsv.ReadOptions(column_names=strings, use_threads=False),
            parse_options=pacsv.ParseOptions(delimiter=reader.delimiter, quote_char=False),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(strings, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = {}
    for place, label in enumerate(reader.header):
        if label:
            column = reader.columns[label]
            columns[column.name] = _values(table.column(place), reader.kinds[column.name], column.factor)
    return columns


def _values(strings: pa.ChunkedArray, known: str, factor: float) -> list[Any]:
    if known == EMPTY and strings.null_count < len(strings):
        for kind in (pa.int64(), pa.float64()):
            numbers = _numbers(strings, kind)
            if numbers is not None:
                return _scaled(numbers, factor)
    # Text, booleans, and numbers that only Python reads: spaces around them, or more digits than 64 bits have.
    texts = tuple(text or "" for text in strings.to_pylist())
    return converted(texts, TEXT if known == TEXT else kind_of(texts, EMPTY), factor)


def _numbers(strings: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        numbers = strings.cast(kind)
    except pa.ArrowInvalid:
        return None
    if pa.types.is_integer(kind):
        # Arrow takes 0x1F for a number, and Python does not.
        return None if pc.any(pc.match_substring(strings, "x", ignore_case=True)).as_py() else numbers
    if not pc.any(pc.match_substring(strings, ".")).as_py():
        return None  # integers to Python: +5, or too many digits
    # An integer beyond 64 bits is refused later, with its sentence: as a float it would have passed. What is called
    # NaN or infinity is not the same everywhere.
    is_odd = pc.or_(pc.is_nan(numbers), pc.greater_equal(pc.abs(numbers), BEYOND_INTEGERS))
    return None if pc.any(is_odd).as_py() else numbers


def _scaled(numbers: pa.ChunkedArray, factor: float) -> list[Any]:
    if factor != 1.0:
        numbers = pc.multiply(numbers.cast(pa.float64(), safe=False), factor)
    values: list[Any] = numbers.to_pylist() if numbers.null_count else numbers.to_numpy().tolist()
    return values
