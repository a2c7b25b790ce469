"""CSV, with any of the usual delimiters and units in the header; the Battery Data Format's text form among them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from datahub.errors import FileUnreadable
from datahub.readers import CHUNK_BYTES, CHUNK_ROWS, MOST_COLUMNS, UNPACKED_BYTES
from datahub.readers.names import columns_of

DELIMITERS = ",;\t|"
INTEGER, FLOAT, BOOLEAN, TEXT, EMPTY = "integer", "float", "boolean", "text", "empty"
BOOLEANS = {"true": True, "false": False}
LONGEST_FIELD = 1 << 20
LONGEST_RECORD = 1 << 22  # characters of a row, all its lines together


class CsvRows:
    """CSV text, read twice: first to learn what each column holds, so that none changes its kind half way."""

    format = "csv"
    metadata: dict[str, Any] | None = None  # there is no place for it in CSV

    def __init__(self, file: BinaryIO, kinds: Mapping[str, str], unpacked_bytes: int = UNPACKED_BYTES) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self._most = unpacked_bytes
        self._taken = 0  # characters read since the beginning
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            self.delimiter = self._find_delimiter()
            self.header = self._read_header()
            self.columns = columns_of(label for label in self.header if label)
            self.names = {label: column.name for label, column in self.columns.items()}
            self.skipped = {f"column {i + 1}": "has no name" for i, label in enumerate(self.header) if not label}
            self.kinds, self.rows = self._learn(kinds)
        except FileUnreadable:
            self.close()
            raise

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[dict[str, list[Any]]]:
        for block in self._blocks(rows):
            chunk = {}
            for label, values in zip(self.header, zip(*block, strict=True), strict=True):
                if label:
                    column = self.columns[label]
                    chunk[column.name] = converted(values, self.kinds[column.name], column.factor)
            yield chunk

    def close(self) -> None:
        self._text.close()

    # --- the text --------------------------------------------------------------------------------------------------
    def _find_delimiter(self) -> str:
        first = self._first_line()
        return max(DELIMITERS, key=first.count)

    def _first_line(self) -> str:
        self._text.seek(0)
        try:
            return self._text.readline(LONGEST_FIELD)
        except (UnicodeDecodeError, OSError, EOFError) as error:
            raise FileUnreadable(f"The file is neither HDF5 nor Parquet nor text in UTF-8: {error}.") from None

    def _lines(self) -> Iterator[list[str]]:
        self._text.seek(0)
        self._taken = self._begun = 0
        reader = csv.reader(self._pieces(), delimiter=self.delimiter, strict=True)
        try:
            for cells in reader:
                self._begun = self._taken
                if cells:
                    yield cells
        except (csv.Error, UnicodeDecodeError, OSError, EOFError) as error:
            raise FileUnreadable(f"Line {reader.line_num + 1} of the CSV cannot be read: {error}.") from None

    def _pieces(self) -> Iterator[str]:
        """The text line by line: a line without end, a quote never closed, or a packed file of zeros stays bounded."""
        readline, longest = self._text.readline, LONGEST_RECORD + 1
        while line := readline(longest):
            self._taken += len(line)
            if self._taken - self._begun > LONGEST_RECORD:
                raise FileUnreadable(f"A row of the CSV has more than {LONGEST_RECORD:,} characters.")
            if self._taken > self._most:
                raise FileUnreadable(
                    f"The file has more than {self._most:,} characters once unpacked.", hint="Import it in parts."
                )
            yield line

    def _read_header(self) -> list[str]:
        header = [label.strip() for label in next(self._lines(), [])]
        if not any(header):
            raise FileUnreadable("The CSV is empty.", hint="Its first line names the columns.")
        if len(header) > MOST_COLUMNS:
            raise FileUnreadable(f"The CSV names {len(header):,} columns; {MOST_COLUMNS:,} are the most.")
        named = [label for label in header if label]
        twice = sorted({label for label in named if named.count(label) > 1})
        if twice:
            raise FileUnreadable(f"The CSV names the column {twice[0]!r} twice.", hint="Rename one of them.")
        if all(_is_number(label) for label in named):
            raise FileUnreadable("The CSV begins with numbers.", hint="Its first line must name the columns.")
        return header

    def _blocks(self, rows: int) -> Iterator[list[list[str]]]:
        width = len(self.header)
        block: list[list[str]] = []
        begun = 0
        for number, cells in enumerate(islice(self._lines(), 1, None), start=1):
            if len(cells) != width:
                raise FileUnreadable(f"Row {number} of the CSV has {len(cells)} cells, its header {width}.")
            block.append(cells)
            if len(block) >= rows or self._taken - begun > CHUNK_BYTES:
                yield block
                block, begun = [], self._taken
        if block:
            yield block

    # --- kinds -----------------------------------------------------------------------------------------------------
    def _learn(self, known: Mapping[str, str]) -> tuple[dict[str, str], int]:
        kinds = {column.name: TEXT if known.get(column.name) == TEXT else EMPTY for column in self.columns.values()}
        count = 0
        for block in self._blocks(CHUNK_ROWS):
            count += len(block)
            for label, values in zip(self.header, zip(*block, strict=True), strict=True):
                if label:
                    name = self.columns[label].name
                    kinds[name] = kind_of(values, kinds[name])
        return kinds, count


def kind_of(values: tuple[str, ...], so_far: str) -> str:
    """The narrowest kind that holds these and what came before."""
    if so_far == TEXT:
        return TEXT
    filled = [value for value in values if value.strip()]
    if not filled:
        return so_far
    for kind in (BOOLEAN, INTEGER, FLOAT):
        try:
            converted(tuple(filled), kind, 1.0)
        except (ValueError, KeyError):
            continue
        if so_far in (EMPTY, kind):
            return kind
        return FLOAT if {so_far, kind} == {INTEGER, FLOAT} else TEXT
    return TEXT


def converted(values: tuple[str, ...], kind: str, factor: float) -> list[Any]:
    if kind == TEXT:
        return [value or None for value in values]
    if kind == EMPTY:
        return [None] * len(values)
    if any("_" in value for value in values):
        raise ValueError("Python reads 1_000 as a number; nobody else does.")
    if kind == BOOLEAN:
        return [BOOLEANS[value.strip().lower()] if value.strip() else None for value in values]
    if kind == INTEGER and factor == 1.0:
        return [int(value) if value.strip() else None for value in values]
    if kind == INTEGER:
        return [int(value) * factor if value.strip() else None for value in values]
    if factor != 1.0:
        return [float(value) * factor if value.strip() else None for value in values]
    return [float(value) if value.strip() else None for value in values]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
