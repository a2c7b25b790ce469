"""From the bytes of a frame to records or columns; the form is recognised by shape. No Django here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import msgpack
import msgspec

from datahub.ingest.alike_records import FLAT_VALUE, columns_of_msgpack
from datahub.ingest.protocol import CLOSE_NOT_MSGPACK, CLOSE_TOO_LARGE, UNEQUAL_COLUMNS, FrameRefused, Limits

DOUBLE_BYTES = 8
ROWS_WORTH_COLUMNS = 16  # fewer stay records, which are taken together with other frames and other batteries
COUNTED_FROM_BYTES = 1 << 16  # a smaller payload cannot become much memory


@dataclass(slots=True)
class Columns:
    """Rows that came as columns, all of one length. Values are as sent, not yet checked."""

    names: tuple[Any, ...]
    columns: list[list[Any]]
    rows: int

    def __len__(self) -> int:
        return self.rows


@dataclass(slots=True)
class Unreadable:
    """A columnar frame that is not a table: each of its records is refused for the same reason.

    It counts as many records as its longest column has values.
    """

    rows: int
    code: str
    message: str

    def __len__(self) -> int:
        return self.rows


Frame = list[Any] | Columns | Unreadable  # a list holds records, each still to be judged


class MapWithBadKeys(dict):
    """Stands for a map that Python cannot hold, because a key of it is a map or a list."""


def decode(payload: bytes, limits: Limits) -> Frame:
    """What a frame holds; raises FrameRefused when it is too large or no msgpack."""
    if len(payload) > limits.frame_bytes:
        raise FrameRefused(CLOSE_TOO_LARGE, f"A frame has at most {limits.frame_bytes} bytes.")
    rows = _records_at_most(payload)
    is_sound = rows <= most_containers(len(payload))
    if is_sound and rows >= ROWS_WORTH_COLUMNS and (found := columns_of_msgpack(payload)) is not None:
        _check_rows(rows, limits)
        return Columns(*found, rows)
    return shaped(_unpacked(payload), limits)


def most_containers(payload_bytes: int) -> int:
    """How many lists and maps so many bytes may hold. An empty one takes a byte, and 64 of memory."""
    return 1000 + payload_bytes // 8


class _TooManyContainers(Exception):
    """Raised while a payload is read, before it has become much memory."""


class _Counting:
    """Hooks that count the lists and maps of one payload."""

    def __init__(self, payload_bytes: int) -> None:
        self.left = most_containers(payload_bytes)

    def __call__(self, container: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise _TooManyContainers
        return container


# What nearly every frame is: a record, or a list of them. Lists and maps within records are left to the patient way.
_flat = msgspec.msgpack.Decoder(list[dict[str, FLAT_VALUE]] | dict[str, FLAT_VALUE])


def _unpacked(payload: bytes) -> Any:
    if _records_at_most(payload) <= most_containers(len(payload)):
        try:
            return _flat.decode(payload)  # twice as quick
        except (msgspec.DecodeError, UnicodeError):
            pass
    return _patiently_unpacked(payload)


def _records_at_most(payload: bytes) -> int:
    """The length that a list tells at its beginning, or 1. So much memory is taken before the first record is read."""
    if payload[:1] == b"\xdc":
        return int.from_bytes(payload[1:3], "big")
    return int.from_bytes(payload[1:5], "big") if payload[:1] == b"\xdd" else 1


def _patiently_unpacked(payload: bytes) -> Any:
    hooks: dict[str, Any] = {}
    if len(payload) >= COUNTED_FROM_BYTES:
        count = _Counting(len(payload))
        hooks = {"list_hook": count, "object_hook": count}
    try:
        return _read(payload, hooks)
    except _TooManyContainers:
        raise FrameRefused(CLOSE_TOO_LARGE, "A frame holds more lists and maps than values.") from None


def _read(payload: bytes, hooks: dict[str, Any]) -> Any:
    # Broken UTF-8 becomes lone surrogates, so that it costs the record that holds it and not the frame.
    try:
        return msgpack.unpackb(payload, strict_map_key=False, unicode_errors="surrogateescape", **hooks)
    except TypeError:  # a key that cannot be hashed: read again, pair by pair
        if hooks:
            count = hooks["list_hook"]
            hooks = {"list_hook": count, "object_pairs_hook": lambda pairs: count(_map_of_pairs(pairs))}
        else:
            hooks = {"object_pairs_hook": _map_of_pairs}
        try:
            return msgpack.unpackb(payload, strict_map_key=False, unicode_errors="surrogateescape", **hooks)
        except (ValueError, TypeError, msgpack.UnpackException):
            pass
    except (ValueError, OverflowError, msgpack.UnpackException):
        pass
    raise FrameRefused(CLOSE_NOT_MSGPACK, "A frame holds exactly one msgpack value.")


def _map_of_pairs(pairs: list[tuple[Any, Any]]) -> Any:
    try:
        return dict(pairs)
    except TypeError:
        return MapWithBadKeys()


def shaped(value: Any, limits: Limits) -> Frame:
    """Which of the three forms a value is; for what came as JSON too."""
    if type(value) is dict:
        if type(value.get("test_time")) is bytes:
            return _of_columns(value, limits)
        for column in value.values():
            if type(column) is not list:
                return [value]
        return _of_columns(value, limits) if value else [value]
    if type(value) is list:
        _check_rows(len(value), limits)
        return value
    return [value]


def _of_columns(value: dict[Any, Any], limits: Limits) -> Columns | Unreadable:
    lengths = [_length(column) for column in value.values()]
    rows = max(lengths)
    _check_rows(rows, limits)
    for name, column, length in zip(value, value.values(), lengths, strict=True):
        if type(column) is bytes and len(column) % DOUBLE_BYTES:
            why = f"Column {name!r} has {len(column)} bytes, which is no whole number of float64 values."
            return Unreadable(rows, UNEQUAL_COLUMNS, why)
        if length != rows or type(column) not in (bytes, list):
            why = f"Column {name!r} has {length} values and the longest has {rows}. Send columns of one length."
            return Unreadable(rows, UNEQUAL_COLUMNS, why)
    columns = [
        list(struct.unpack(f"<{rows}d", column)) if type(column) is bytes else column for column in value.values()
    ]
    return Columns(tuple(value), columns, rows)


def _length(column: Any) -> int:
    if type(column) is bytes:
        return -(-len(column) // DOUBLE_BYTES)
    return len(column) if type(column) is list else 1


def _check_rows(rows: int, limits: Limits) -> None:
    if rows > limits.rows_a_frame:
        raise FrameRefused(CLOSE_TOO_LARGE, f"A frame has at most {limits.rows_a_frame} rows; this one has {rows}.")
