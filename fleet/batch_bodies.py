"""Readings of many assets in one body: JSON, CSV or Parquet, with the columns spaceship_id, datetime and value.

The rules are those of `validators`, on columns: what recurs (times, numbers of assets) is read once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec
from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from access.bodies import body_of
from energykit.quarters import QUARTER, BadDuration, BadInstant, read_duration, read_instant
from fleet.errors import NotJson, ReadingsRefused
from fleet.validators import (
    DUPLICATE,
    GREATEST_VALUE,
    MOST_COMPLAINTS,
    MOST_QUARTERS,
    NO_USABLE_VALUES,
    REQUIRED,
    UNITS,
    BadRow,
    value_of,
    whole_number,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from fleet.accounting.batches import Batch

MOST_ROWS = 5_000_000
COLUMNS = ("spaceship_id", "datetime", "value")
SHOWN = 100
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"


@dataclass
class ReadBatch:
    """A batch with what is told of its rows, by their place in the request."""

    batch: Batch
    skipped: int
    first_skipped: list[dict[str, Any]] = field(default_factory=list)
    warned: int = 0
    first_warnings: list[dict[str, Any]] = field(default_factory=list)


def read_batch(request: HttpRequest, query: Mapping[str, Any]) -> ReadBatch:
    """Raises ReadingsRefused, NotJson, UnsupportedMediaType. `units` and `interval` of a file stand in the query."""
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() or "application/json"
    body = body_of(request)
    if content_type in (CSV, PARQUET):
        return read_file(body, content_type, query.get("units"), query.get("interval"))
    if content_type != "application/json":
        raise UnsupportedMediaType(content_type[:100])
    wrong: dict[str, Any] = {}
    given = _json(body)
    columns = _columns_of_json(given.get("data"), wrong)
    is_energy, length = _units(given.get("units"), wrong), _interval(given.get("interval"), wrong)
    if columns is None or wrong:
        raise ReadingsRefused(wrong)
    return _checked(columns, is_energy, length)


def read_file(
    body: bytes, content_type: str, units: object, interval: object = None, number: int | None = None
) -> ReadBatch:
    """A file of readings, CSV or PARQUET; `number` is of the asset that they are of where it has no spaceship_id.

    Raises ReadingsRefused.
    """
    wrong: dict[str, Any] = {}
    columns = _columns_of_file(body, content_type, wrong, number)
    is_energy, length = _units(units, wrong), _interval(interval, wrong)
    if columns is None or wrong:
        raise ReadingsRefused(wrong)
    import pyarrow as pa  # noqa: PLC0415  (a web process boots without it)

    try:
        return _checked(columns, is_energy, length)
    except (pa.ArrowException, UnicodeError):  # a damaged file shows it only now
        raise ReadingsRefused({"data": [f"The body cannot be read as {content_type}."]}) from None


# --- bodies --------------------------------------------------------------------------------------------------------
def _json(body: bytes) -> dict[str, Any]:
    if body.count(b"{") + body.count(b"[") > MOST_ROWS:
        raise NotJson("The body holds more lists and objects than a request may.", hint="Send columns.")
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # stricter than the standard library, which reads NaN
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise NotJson("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise NotJson("The body is no JSON object with units and data.")
    return given


def _columns_of_json(data: object, wrong: dict[str, Any]) -> list[list[Any]] | None:
    """From a map of columns, or a list of rows."""
    if data is None:
        wrong["data"] = [REQUIRED]
        return None
    if isinstance(data, Mapping):
        columns = [data.get(name) for name in COLUMNS]
        if any(not isinstance(column, list) for column in columns) or len({len(each or ()) for each in columns}) != 1:
            wrong["data"] = [f"It has not the lists {', '.join(COLUMNS)}, of one length."]
            return None
    elif isinstance(data, list) and all(isinstance(row, dict) for row in data):
        columns = [[row.get(name) for row in data] for name in COLUMNS]
    else:
        wrong["data"] = ["It is neither a list of rows nor a map of columns."]
        return None
    found = [column for column in columns if isinstance(column, list)]
    return found if _has_good_size(len(found[0]), wrong) else None


def _columns_of_file(
    body: bytes, content_type: str, wrong: dict[str, Any], number: int | None = None
) -> list[Any] | None:
    import pyarrow as pa  # noqa: PLC0415  (a web process boots without it)
    import pyarrow.csv  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if content_type == PARQUET:
            # Texts stay as they are coded: what is one text in the file may be told of millions of rows.
            file = pq.ParquetFile(BytesIO(body), read_dictionary=list(COLUMNS))
            if not _has_good_size(file.metadata.num_rows, wrong):
                return None
            table = file.read(columns=[name for name in COLUMNS if name in file.schema_arrow.names])
        else:
            texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), null_values=[""])
            texts.strings_can_be_null = True
            table = pyarrow.csv.read_csv(BytesIO(body), convert_options=texts)
        if number is not None and COLUMNS[0] not in table.column_names:
            table = table.append_column(COLUMNS[0], pa.array([number] * table.num_rows, pa.int64()))
        return _columns_of_table(table, content_type, wrong)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        wrong["data"] = [f"The body cannot be read as {content_type}."]
        return None


def _columns_of_table(table: pa.Table, content_type: str, wrong: dict[str, Any]) -> list[Any] | None:
    import pyarrow as pa  # noqa: PLC0415

    missing = [name for name in COLUMNS if table.column_names.count(name) != 1]
    if missing:
        wrong["data"] = [f"It has no column {name}, or several." for name in missing]
        return None
    if not _has_good_size(table.num_rows, wrong):
        return None
    columns = [table.column(name) for name in COLUMNS]
    kinds = [each.type.value_type if pa.types.is_dictionary(each.type) else each.type for each in columns]
    is_text = [pa.types.is_string(kind) or pa.types.is_large_string(kind) for kind in kinds]
    is_number = [pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) for kind in kinds]
    can_be_read = (
        is_text[0] or pa.types.is_integer(kinds[0]),
        is_text[1] or pa.types.is_timestamp(kinds[1]),
        is_number[2] or (is_text[2] and content_type == CSV) or pa.types.is_null(kinds[2]),
    )
    told = zip(COLUMNS, kinds, can_be_read, strict=True)
    odd = [f"Its column {name} is of {kind}." for name, kind, is_read in told if not is_read]
    if odd:
        wrong["data"] = odd
        return None
    return columns


def _has_good_size(rows: int, wrong: dict[str, Any]) -> bool:
    if not 0 < rows <= MOST_ROWS:
        wrong["data"] = [f"It has {rows:,} rows; from 1 to {MOST_ROWS:,} are taken."]
        return False
    return True


def _units(given: object, wrong: dict[str, Any]) -> bool:
    if given is None:
        wrong["units"] = [REQUIRED]
    elif not isinstance(given, str) or given.strip().lower() not in UNITS:
        wrong["units"] = ["It is neither kW nor kWh."]
    else:
        return UNITS[given.strip().lower()]
    return False


def _interval(given: object, wrong: dict[str, Any]) -> int | None:
    try:
        return None if given is None else read_duration(given)
    except BadDuration as told:
        wrong["interval"] = [str(told)]
        return None


# --- rows ----------------------------------------------------------------------------------------------------------
def _checked(columns: Sequence[Any], is_energy: bool, interval: int | None) -> ReadBatch:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    from fleet.accounting.batches import Batch  # noqa: PLC0415  (numpy)

    complaints: list[dict[str, Any]] = []
    number, _ = _by_distinct(columns[0], whole_number, "spaceship_id", complaints)
    time, warnings = _by_distinct(columns[1], _instant, "datetime", complaints)
    value, skipped = _values(columns[2], complaints)
    if complaints:
        complaints.sort(key=lambda each: int(each["index"]))
        raise ReadingsRefused({"data": complaints[:MOST_COMPLAINTS]})
    order = np.lexsort((time, number))
    again = (number[order][1:] == number[order][:-1]) & (time[order][1:] == time[order][:-1])
    if again.any():
        told = "It is the same instant of the same asset as that of another row."
        places = np.sort(np.maximum(order[1:][again], order[:-1][again]))[:MOST_COMPLAINTS]
        rows = [{"index": int(index), "code": DUPLICATE, "message": told} for index in places]
        raise ReadingsRefused({"data": rows}, DUPLICATE)
    if np.isnan(value).all():
        told = "No row has a number as its value."
        raise ReadingsRefused({"data": [{"code": NO_USABLE_VALUES, "message": told}]}, NO_USABLE_VALUES)
    if interval is not None and len(value) * (interval // QUARTER + 1) > 4 * MOST_QUARTERS:
        raise ReadingsRefused({"interval": ["With so many rows it describes too many quarters; send fewer."]})
    batch = Batch(number[order], time[order], value[order], np.full(len(value), is_energy), interval)
    return ReadBatch(batch, len(skipped), skipped[:SHOWN], len(warnings), warnings[:SHOWN])


def _instant(given: Any) -> tuple[int, tuple[str, ...]]:
    read = read_instant(given)
    return read.microseconds, read.warnings


def _by_distinct(
    column: Any, read: Any, name: str, complaints: list[dict[str, Any]]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Each distinct value read once; whole numbers, and warnings by row."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    if not isinstance(column, list):
        if pa.types.is_timestamp(column.type):
            return _of_timestamps(column, complaints)
        coded = column.combine_chunks().dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        distinct, codes = coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    else:
        places: dict[Any, int] = {}
        # 1, True and 1.0 are one key; and what cannot be a key is no value of ours
        keys = [(type(each), each if isinstance(each, str | int) else None) for each in column]
        codes = np.array([places.setdefault(key, len(places)) for key in keys], np.int64)
        distinct = [value for _, value in places]
        distinct = [None if kind is bool else value for (kind, _), value in zip(places, distinct, strict=True)]
    found = np.zeros(len(distinct) + 1, np.int64)  # the last is that of NULL
    warned: dict[int, tuple[str, ...]] = {}
    bad: dict[int, str] = {len(distinct): f"{name}: {REQUIRED}"}
    for place, each in enumerate(distinct):
        try:
            if each is None:
                raise ValueError(REQUIRED)
            read_as = read(each)
            found[place], warnings = read_as if isinstance(read_as, tuple) else (read_as, ())
            if warnings:
                warned[place] = warnings
        except (BadInstant, ValueError) as told:
            bad[place] = f"{name}: {told}"
    for index in np.flatnonzero(np.isin(codes % (len(distinct) + 1), list(bad)))[:MOST_COMPLAINTS].tolist():
        message = bad[int(codes[index]) % (len(distinct) + 1)]
        complaints += [{"index": index, "code": f"bad_{name}", "message": message}]
    rows = np.flatnonzero(np.isin(codes, list(warned))).tolist() if warned else []
    told_of = [{"index": index, "code": code} for index in rows for code in warned[int(codes[index])]]
    return found[codes], told_of


def _of_timestamps(
    column: pa.ChunkedArray, complaints: list[dict[str, Any]]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    try:
        times = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    except pa.ArrowException:
        times = column.slice(0, 0).cast(pa.int64())
    if times.null_count or len(times) < len(column):
        complaints.append({"index": 0, "code": "bad_datetime", "message": "datetime: Some are no times."})
    found = times.fill_null(0).to_numpy()
    least, greatest = (read_instant(day).microseconds for day in ("1900-01-01", "2999-12-31"))
    for index in np.flatnonzero((found < least) | (found >= greatest))[:MOST_COMPLAINTS].tolist():
        told = "datetime: It lies outside of the years 1900 to 2999."
        complaints.append({"index": index, "code": "bad_datetime", "message": told})
    warned = [{"index": 0, "code": "naive_datetime"}] if column.type.tz is None else []
    return found, warned


def _values(column: Any, complaints: list[dict[str, Any]]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Numbers, NaN where there is none; and the rows without, each with why."""
    import numpy as np  # noqa: PLC0415

    quick = _numbers(column)
    if quick is not None:
        wrong = np.flatnonzero((quick < 0) | (quick > GREATEST_VALUE))
        for index in wrong[:MOST_COMPLAINTS].tolist():
            code = "negative_value" if quick[index] < 0 else "value_too_large"
            complaints.append({"index": index, "code": code, "message": "value: It is below zero, or too large."})
        return quick, []
    values = column if isinstance(column, list) else column.to_pylist()
    found, skipped = np.full(len(values), np.nan), []
    for index, each in enumerate(values):
        try:
            number, reason = value_of(each)
        except BadRow as bad:
            complaints.append({"index": index, "code": bad.code, "message": str(bad)})
            continue
        if number is None:
            skipped.append({"index": index, "reason": reason})
        else:
            found[index] = number
    return found, skipped


def _numbers(column: Any) -> np.ndarray | None:
    """The column as doubles where each is a finite number; None where they have to be looked at one by one."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(column, list):
        if not {int, float} >= set(map(type, column)):
            return None
        try:
            found = np.array(column, float)
        except OverflowError:
            return None
    else:
        if column.null_count or pa.types.is_boolean(column.type):
            return None
        try:
            found = column.cast(pa.float64()).to_numpy()
        except pa.ArrowException:
            return None
    return found if bool(np.isfinite(found).all()) else None
