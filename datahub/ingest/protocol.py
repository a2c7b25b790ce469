"""The constants and the small types of the upload protocol (docs/wire-protocol.md).

Nothing here knows Django: limits come in as `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SUBPROTOCOL = "rovi.ack"  # accepting it turns acknowledgements on, as ?ack=1 does

# --- close codes ---------------------------------------------------------------------------------------------------
CLOSE_TEXT_FRAME = 1003  # a text frame: rows come as binary msgpack
CLOSE_NOT_MSGPACK = 1007  # the frame cannot be read as one msgpack value
CLOSE_TOO_LARGE = 1009  # more bytes, or more rows, than a frame may have
CLOSE_STALLED = 4408  # acknowledgements lie unread for longer than the server waits
CLOSE_TOO_FAST = 4429  # more rows than the caller's limit lets in within half a minute
CLOSE_BATTERY_DELETED = 4410  # the battery was deleted while this socket was open; a new socket begins it anew

# --- codes of a refused record -------------------------------------------------------------------------------------
NOT_A_RECORD = "not_a_record"
EMPTY_RECORD = "empty_record"
NESTED_VALUE = "nested_value"
UNKNOWN_TYPE = "unknown_type"
BAD_COLUMN_NAME = "bad_column_name"
SAME_COLUMN_TWICE = "same_column_twice"
TOO_MANY_COLUMNS = "too_many_columns"
UNEQUAL_COLUMNS = "unequal_columns"
TYPE_MISMATCH = "type_mismatch"
NUMBER_TOO_LARGE = "number_too_large"
TEXT_TOO_LONG = "text_too_long"
BAD_TEXT = "bad_text"
NOT_STORED = "not_stored"
BATTERY_FULL = "battery_full"

REJECTIONS_A_MESSAGE = 1000  # so that a message stays below the 1 MiB at which many clients stop reading


@dataclass(frozen=True)
class Limits:
    """What one client may send; the defaults are the settings' defaults."""

    frame_bytes: int = 8 * 2**20
    rows_a_frame: int = 100_000
    columns: int = 1000
    text_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that was not stored. `index` counts the records of the connection or request from 0."""

    index: int
    code: str
    message: str

    def as_map(self) -> dict[str, Any]:
        return {"index": self.index, "code": self.code, "message": self.message}


class RecordRefused(Exception):
    """One record cannot be stored; the others can."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FrameRefused(Exception):
    """A frame cannot be taken at all: the socket closes with `close_code`, and nothing of the frame is stored."""

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason
