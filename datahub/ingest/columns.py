"""Kinds of columns, and values coerced to them: a whole column at once, or value by value. No Django here.

Kinds are `integer` (64 bits), `float` (64 bits), `boolean` and `text`. The kind of a column is its first value's; the
one change it may make is integer to float, when no number of it is lost by that. `test_time` is a float from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from datahub.ingest import digest
from datahub.ingest.protocol import (
    BAD_TEXT,
    NESTED_VALUE,
    NUMBER_TOO_LARGE,
    TEXT_TOO_LONG,
    TYPE_MISMATCH,
    UNKNOWN_TYPE,
    RecordRefused,
)

INTEGER, FLOAT, BOOLEAN, TEXT = "integer", "float", "boolean", "text"
LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**63 - 1
NONE = type(None)


@dataclass(slots=True)
class ColumnValues:
    """One column of a batch, as stored (`values`, None for NULL) and as digested (`slots`)."""

    values: list[Any]
    slots: list[Any]
    format: str
    has_nulls: bool = False
    non_finite: int = 0


# --- whole columns -------------------------------------------------------------------------------------------------
def take_whole(values: list[Any], kind: str, text_bytes: int) -> ColumnValues | None:
    """The column coerced at once; None where some value needs a closer look.

    Each check is one pass in C over the column, which is what makes ingest fast.
    """
    types = set(map(type, values))
    if kind == FLOAT:
        return _whole_floats(values, types)
    if kind == INTEGER:
        return _whole_integers(values, types)
    if kind == BOOLEAN:
        if types <= {bool, NONE}:
            return ColumnValues(values, values, digest.NUMBER, NONE in types)
        return None
    return _whole_texts(values, types, text_bytes)


def _whole_floats(values: list[Any], types: set[type]) -> ColumnValues | None:
    has_nulls = NONE in types
    if int in types:
        if not types <= {float, int, NONE} or not _exact([value for value in values if type(value) is int]):
            return None
        values = [float(value) if type(value) is int else value for value in values]
    elif not types <= {float, NONE}:
        return None
    non_finite = 0
    total = sum(values) if not has_nulls else sum([value for value in values if value is not None])
    if total - total != 0.0:  # NaN or infinite: a value is, or the sum ran over
        finite = [value if value is not None and isfinite(value) else None for value in values]
        non_finite = finite.count(None) - values.count(None)
        has_nulls = has_nulls or non_finite > 0
        values = finite
    if 0.0 in values:  # minus zero is zero, and SQLite stores it so
        values = [value + 0.0 if value is not None else None for value in values]
    return ColumnValues(values, values, digest.NUMBER, has_nulls, non_finite)


def _whole_integers(values: list[Any], types: set[type]) -> ColumnValues | None:
    if not types <= {int, NONE}:
        return None
    has_nulls = NONE in types
    numbers = [value for value in values if value is not None] if has_nulls else values
    if _exact(numbers):
        return ColumnValues(values, values, digest.NUMBER, has_nulls)
    if min(numbers) < LEAST_INTEGER or max(numbers) > GREATEST_INTEGER:
        return None
    slots = [digest.hashed_integer(value) if value is not None else None for value in values]
    return ColumnValues(values, slots, digest.HASHED, has_nulls)


def _exact(numbers: list[int]) -> bool:
    """Whether a double holds each of them."""
    return not numbers or (max(numbers) <= digest.EXACT_IN_A_DOUBLE and min(numbers) >= -digest.EXACT_IN_A_DOUBLE)


def _whole_texts(values: list[Any], types: set[type], text_bytes: int) -> ColumnValues | None:
    if not types <= {str, NONE}:
        return None
    try:
        for text in set(values):
            if text is not None:
                coerce_text(text, text_bytes)
    except RecordRefused:
        return None
    slots = [digest.hashed(text) if text is not None else None for text in values]
    return ColumnValues(values, slots, digest.HASHED, NONE in types)


# --- one value -----------------------------------------------------------------------------------------------------
def kind_of(value: Any) -> str:
    """The kind of column that a value begins; raises RecordRefused for what no column holds."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return FLOAT
    if isinstance(value, str | bytes):
        return TEXT
    if isinstance(value, list | dict):
        raise RecordRefused(NESTED_VALUE, "holds a list or a map; a record has one plain value a column.")
    raise RecordRefused(UNKNOWN_TYPE, f"holds a {type(value).__name__}; a value is a number, a boolean, text or nil.")


def coerce(value: Any, kind: str, text_bytes: int) -> Any:
    """The value as a column of `kind` stores it, None for NULL; raises RecordRefused with the end of a sentence.

    A float that comes to an integer column is returned as a float: the caller widens the column or refuses.
    """
    if value is None:
        return None
    given = kind_of(value)
    if given == FLOAT and not isfinite(value):
        return None
    if kind == TEXT and given == TEXT:
        return coerce_text(value, text_bytes)
    if kind == BOOLEAN and given == BOOLEAN:
        return value
    if kind == INTEGER and given == INTEGER:
        if LEAST_INTEGER <= value <= GREATEST_INTEGER:
            return int(value)
        raise RecordRefused(NUMBER_TOO_LARGE, f"holds {value}, which is beyond 64 bits; send it as a float.")
    if kind in (FLOAT, INTEGER) and given == FLOAT:
        return float(value) + 0.0
    if kind == FLOAT and given == INTEGER:
        return _as_double(value)
    raise RecordRefused(
        TYPE_MISMATCH, f"is stored as {kind} and this record has {given}; send {kind} or rename the column."
    )


def _as_double(number: int) -> float:
    try:
        double = float(number)
    except OverflowError:
        double = float("inf")
    if double != number:
        raise RecordRefused(
            NUMBER_TOO_LARGE, f"is stored as float, which cannot hold {number} exactly; send it as a float."
        )
    return double


def coerce_text(value: str | bytes, text_bytes: int) -> str:
    """Text that both databases hold: UTF-8, no NUL, not too long. bytes are text too: HDF5 strings come so."""
    try:
        text = value.decode() if isinstance(value, bytes) else value
        size = len(text.encode())
    except UnicodeError:
        raise RecordRefused(BAD_TEXT, "holds text that is not UTF-8.") from None
    if "\0" in text:
        raise RecordRefused(BAD_TEXT, "holds text with a NUL character, which databases refuse.")
    if size > text_bytes:
        raise RecordRefused(TEXT_TOO_LONG, f"holds a text of {size} bytes; the most is {text_bytes}.")
    return text


def slot_of(value: Any) -> tuple[Any, str]:
    """What stands for a stored value in the digest, and its format."""
    if isinstance(value, str):
        return digest.hashed(value), digest.HASHED
    if type(value) is int:
        return digest.hashed_integer(value), digest.HASHED
    return value, digest.NUMBER
