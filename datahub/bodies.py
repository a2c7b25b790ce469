"""Bodies of bulk uploads: JSON, msgpack, CSV and Parquet, told apart by content type, become frames."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest

from access.bodies import body_of
from access.errors import BodyTooLarge
from datahub.errors import BodyUnreadable
from datahub.ingest.alike_records import columns_of_json
from datahub.ingest.frames import Columns, Frame, decode, most_containers, shaped
from datahub.ingest.protocol import CLOSE_TOO_LARGE, FrameRefused, Limits
from datahub.readers import BYTES_A_VALUE, FileOfRows


def json_of(request: HttpRequest) -> Any:
    """The body as JSON; raises BodyUnreadable with the place where it stops being that."""
    body = body_of(request)
    if _containers_in(body) > most_containers(len(body)):
        raise BodyUnreadable("The body holds more lists and maps than values.", hint="Send a list of flat records.")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # Three times as quick, and stricter: NaN, UTF-16 and a lone surrogate are read by the standard library.
        pass
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        raise BodyUnreadable("The body is not UTF-8 text.", hint="Send JSON.") from None
    except RecursionError:
        raise BodyUnreadable("The body is nested too deeply.", hint="Send a list of flat records.") from None
    except ValueError as wrong:
        raise BodyUnreadable(f"The body is not JSON: {wrong}.", hint="Send JSON.") from None


# A JSON text, to its end where that is missing: so each byte is looked at once, whatever the body holds.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


def _containers_in(body: bytes) -> int:
    """How many lists and maps; those in texts count only where it makes no difference."""
    found = _opened(body)
    if found > most_containers(len(body)) and json.detect_encoding(body).startswith("utf-8"):
        found = _opened(_TEXT.sub(b"", body))
    return found


def _opened(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def frame_of(request: HttpRequest, kinds: Mapping[str, str]) -> Frame:
    """The rows in a body. JSON unless the content type says otherwise; ROVI's own client sends none at all.

    `kinds` are the columns of the battery so far: text in CSV becomes what its column holds.
    """
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    try:
        read = _readers.get(content_type)
        return _of_json(request) if read is None else read(body_of(request), kinds)
    except FrameRefused as refused:
        if refused.close_code == CLOSE_TOO_LARGE:
            raise BodyTooLarge(settings.UPLOAD_MAX_BODY_BYTES) from None
        raise BodyUnreadable(
            "The body is not one msgpack value.", hint="Send a list of maps, or a map of columns."
        ) from None


def _of_json(request: HttpRequest) -> Frame:
    found = columns_of_json(body_of(request))
    if found is not None:
        names, columns = found
        return Columns(names, columns, len(columns[0]))
    value = json_of(request)
    if not isinstance(value, list | dict):
        raise BodyUnreadable(
            f"The body is JSON, but a {type(value).__name__}.", hint="Send a list of records, or a map of columns."
        )
    return shaped(value, _limits())


def _of_msgpack(body: bytes, kinds: Mapping[str, str]) -> Frame:
    return decode(body, _limits())


def _of_csv(body: bytes, kinds: Mapping[str, str]) -> Frame:
    from datahub.readers.csv import CsvRows  # noqa: PLC0415  (as Parquet's)
    from datahub.readers.plain_csv import columns_of_plain  # noqa: PLC0415  (pyarrow; a web process boots without it)

    columns = columns_of_plain(body, kinds, settings.UPLOAD_MAX_BODY_BYTES // BYTES_A_VALUE)
    if columns is not None:
        return _of_columns(columns)
    return _joined(CsvRows(BytesIO(body), kinds, settings.UPLOAD_MAX_BODY_BYTES))


def _of_parquet(body: bytes, kinds: Mapping[str, str]) -> Frame:
    from datahub.readers.parquet import ParquetRows  # noqa: PLC0415  (pyarrow; a web process boots without it)

    return _joined(ParquetRows(BytesIO(body), settings.UPLOAD_MAX_BODY_BYTES))


def _joined(rows: FileOfRows) -> Frame:
    """Raises BodyTooLarge where few bytes would become many values."""
    if rows.rows * len(rows.names) * BYTES_A_VALUE > settings.UPLOAD_MAX_BODY_BYTES:
        raise BodyTooLarge(settings.UPLOAD_MAX_BODY_BYTES)
    columns: dict[str, list[Any]] = {name: [] for name in rows.names.values()}
    for chunk in rows.chunks():
        for name, values in chunk.items():
            columns[name] += values
    return _of_columns(columns)


def _of_columns(columns: dict[str, list[Any]]) -> Columns:
    return Columns(tuple(columns), list(columns.values()), len(next(iter(columns.values()), [])))


def _limits() -> Limits:
    """The body's size is the limit here, not a frame's number of rows."""
    return Limits(frame_bytes=settings.UPLOAD_MAX_BODY_BYTES, rows_a_frame=sys.maxsize)


_readers: dict[str, Callable[[bytes, Mapping[str, str]], Frame]] = {
    "application/msgpack": _of_msgpack,
    "application/x-msgpack": _of_msgpack,
    "application/vnd.msgpack": _of_msgpack,
    "text/csv": _of_csv,
    "application/vnd.apache.parquet": _of_parquet,
}
