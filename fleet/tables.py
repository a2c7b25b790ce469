"""All SQL text of this room, on SQLite and PostgreSQL. Values are parameters; no name comes from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from fleet.models import Asset

if TYPE_CHECKING:
    import numpy as np
    import psycopg

Rows = list[tuple[Any, ...]]

DAY = 86_400
FOREVER = 2**53  # s and µs: after all there can be
READINGS, QUARTERS, DAYS, MONTHS = "fleet_reading", "fleet_quarter", "fleet_energyday", "fleet_energymonth"
READING_COLUMNS = ("asset_id", "time", "value", "is_energy", "interval", "step")
SUM_COLUMNS = ("asset_id", "start", "energy", "charged", "covered")
TYPES = {
    READINGS: ("bigint", "bigint", "double precision", "boolean", "bigint", "bigint"),
    QUARTERS: ("bigint", "bigint", "double precision", "double precision", "bigint"),
}
COPIED_AS = {"bigint": "int8", "boolean": "bool", "double precision": "float8"}
ROWS_A_STATEMENT = (256, 64, 16, 4, 1)  # few sizes, so that the statements stay in the module's cache
ROWS_TO_COPY = 2_000
IDS_A_QUERY = 5_000
# Where a span begins, in terms of the `start` of what it sums up; the remainder of a negative number is negative.
DAY_OF = f"start - ((start % {DAY}) + {DAY}) % {DAY}"
MONTH_OF = {
    "sqlite": "CAST(strftime('%s', start, 'unixepoch', 'start of month') AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM date_trunc('month', to_timestamp(start) AT TIME ZONE 'UTC')) AS bigint)",
}


# --- readings: writing ---------------------------------------------------------------------------------------------
def store_readings(connection: BaseDatabaseWrapper, columns: Sequence[Sequence[Any]], *, all_new: bool) -> None:
    """`columns` are READING_COLUMNS. A reading of the same asset and time is replaced; `all_new`: there is none."""
    if not columns[0]:
        return
    update = ", ".join(f"{name} = excluded.{name}" for name in READING_COLUMNS[2:])
    conflict = f"ON CONFLICT (asset_id, time) DO UPDATE SET {update}"
    if connection.vendor == "postgresql":
        if all_new and len(columns[0]) >= ROWS_TO_COPY and _copied(connection, READINGS, READING_COLUMNS, columns):
            return
        _insert_arrays(connection, READINGS, READING_COLUMNS, columns, conflict)
        return
    _insert_many_a_statement(connection, READINGS, READING_COLUMNS, columns, conflict)


def store_reading_arrays(connection: BaseDatabaseWrapper, columns: Sequence[np.ndarray], *, all_new: bool) -> None:
    """As `store_readings`, from arrays: NaN is no value, and a length of 0 none."""
    if connection.vendor == "postgresql" and all_new and _copied_at_once(connection, columns):
        return
    asset, time, value, is_energy, interval, step = columns
    store_readings(
        connection,
        [
            asset.tolist(),
            time.tolist(),
            _or_none(value, value != value),
            is_energy.tolist(),
            _or_none(interval, interval == 0),
            _or_none(step, step == 0),
        ],
        all_new=False,
    )


def _or_none(column: np.ndarray, is_none: np.ndarray) -> list[Any]:
    if is_none.all():
        return [None] * len(column)
    values: list[Any] = column.tolist()
    for place in is_none.nonzero()[0].tolist():
        values[place] = None
    return values


def _copied_at_once(connection: BaseDatabaseWrapper, columns: Sequence[np.ndarray]) -> bool:
    """Whether COPY took the rows as bytes that numpy laid out; it can where NULL stands in whole columns alone.

    For a million rows 0.1 s here, and 2 s a row after the other.
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    _, _, value, _, interval, step = columns
    missing = [None, None, value != value, None, interval == 0, step == 0]
    if any(mask is not None and mask.any() and not mask.all() for mask in missing):
        return False
    kinds = [">i8", ">i8", ">f8", ">i1", ">i8", ">i8"]
    is_null = [mask is not None and bool(mask.all()) for mask in missing]
    fields = [("fields", ">i2")]
    for place, kind in enumerate(kinds):
        fields += [(f"length{place}", ">i4")] + ([] if is_null[place] else [(f"value{place}", kind)])
    rows = np.zeros(len(value), np.dtype(fields))
    rows["fields"] = len(kinds)
    for place, (kind, column) in enumerate(zip(kinds, columns, strict=True)):
        rows[f"length{place}"] = -1 if is_null[place] else np.dtype(kind).itemsize
        if not is_null[place]:
            rows[f"value{place}"] = column
    try:
        with (
            transaction.atomic(using=connection.alias),
            _psycopg_cursor(connection) as cursor,
            cursor.copy(f"COPY {READINGS} ({', '.join(READING_COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            copy.write(rows.tobytes())
            copy.write(b"\xff\xff")
    except IntegrityError:
        return False
    return True


# --- assets --------------------------------------------------------------------------------------------------------
def known_numbers(connection: BaseDatabaseWrapper, numbers: Sequence[int]) -> list[int]:
    """Those of which there is an asset."""
    return [number for _, number in _ids_of(connection, numbers)]


def locked_assets(connection: BaseDatabaseWrapper, numbers: Sequence[int]) -> list[Asset]:
    """Of these numbers, locked in the order of their ids, so that two writers never wait for each other."""
    ids = [pk for pk, _ in _ids_of(connection, numbers)]
    found: list[Asset] = []
    for first in range(0, len(ids), IDS_A_QUERY):
        some = sorted(ids)[first : first + IDS_A_QUERY]
        found += Asset.objects.select_for_update().filter(pk__in=some).order_by("pk")
    return found


def _ids_of(connection: BaseDatabaseWrapper, numbers: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first in range(0, len(numbers), IDS_A_QUERY):
        some = numbers[first : first + IDS_A_QUERY]
        found += Asset.objects.filter(number__in=some).values_list("pk", "number")
    return found


def note_readings(connection: BaseDatabaseWrapper, taken_in: Sequence[tuple[int, int, int, float]]) -> None:
    """(asset, first and last time, µs, when they came, s) of readings that were accounted for."""
    least, greatest = ("MIN", "MAX") if connection.vendor == "sqlite" else ("LEAST", "GREATEST")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE fleet_asset SET first_time = {least}(COALESCE(first_time, %s), %s), "
            f"last_time = {greatest}(COALESCE(last_time, %s), %s), last_received = %s, changes = changes + 1 "
            "WHERE id = %s",
            [(first, first, last, last, came, asset) for asset, first, last, came in taken_in],
        )


# --- readings: around some of an asset's ----------------------------------------------------------------------------
def readings_between(connection: BaseDatabaseWrapper, asset_id: int, first: int, end: int) -> Rows:
    """(time, value, is_energy, interval, step) with first <= time < end, in order."""
    return _readings(connection, "asset_id = %s AND time >= %s AND time < %s ORDER BY time", [asset_id, first, end])


def readings_before(connection: BaseDatabaseWrapper, asset_id: int, time: int, count: int) -> Rows:
    """The last ones before that time, in order."""
    found = _readings(connection, "asset_id = %s AND time < %s ORDER BY time DESC LIMIT %s", [asset_id, time, count])
    return found[::-1]


def readings_after(connection: BaseDatabaseWrapper, asset_id: int, time: int, count: int) -> Rows:
    """The first ones after that time, in order."""
    return _readings(connection, "asset_id = %s AND time > %s ORDER BY time LIMIT %s", [asset_id, time, count])


def _readings(connection: BaseDatabaseWrapper, condition: str, values: list[int]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT time, value, is_energy, interval, step FROM {READINGS} WHERE {condition}", values)
        found: Rows = cursor.fetchall()
    return found


# --- sums ----------------------------------------------------------------------------------------------------------
def replace_quarters(
    connection: BaseDatabaseWrapper, spans: Sequence[tuple[int, int, int]], columns: Sequence[Sequence[Any]]
) -> None:
    """Of each (asset, first, end), s, what was there goes, and `columns` (SUM_COLUMNS) come. Days and months follow."""
    if not spans:
        return
    _delete_between(connection, QUARTERS, spans)
    if not columns[0]:
        pass
    elif connection.vendor == "postgresql":
        if len(columns[0]) < ROWS_TO_COPY or not _copied(connection, QUARTERS, SUM_COLUMNS, columns):
            _insert_arrays(connection, QUARTERS, SUM_COLUMNS, columns, "")
    else:
        _insert_many_a_statement(connection, QUARTERS, SUM_COLUMNS, columns, "")
    days = _joined((asset, first - first % DAY, end + -end % DAY) for asset, first, end in spans)
    _sum_up(connection, QUARTERS, DAYS, DAY_OF, days)
    months = _joined((asset, month_of(first), month_after(end)) for asset, first, end in days)
    _sum_up(connection, DAYS, MONTHS, MONTH_OF[connection.vendor], months)


def _sum_up(
    connection: BaseDatabaseWrapper, source: str, into: str, begin: str, spans: Sequence[tuple[int, int, int]]
) -> None:
    _delete_between(connection, into, spans)
    begin = begin.replace("%", "%%")
    listed = ", ".join(SUM_COLUMNS)
    sums = "SUM(energy), SUM(charged), SUM(covered)"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"INSERT INTO {into} ({listed}) SELECT asset_id, {begin} AS of_span, {sums} FROM {source} "
                "JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS span (asset, first, past) "
                "ON asset_id = asset AND start >= first AND start < past GROUP BY asset_id, of_span",
                [list(column) for column in zip(*spans, strict=True)],
            )
            return
        cursor.executemany(
            f"INSERT INTO {into} ({listed}) SELECT asset_id, {begin} AS of_span, {sums} "
            f"FROM {source} WHERE asset_id = %s AND start >= %s AND start < %s GROUP BY of_span",
            spans,
        )


def _delete_between(connection: BaseDatabaseWrapper, table: str, spans: Sequence[tuple[int, int, int]]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"DELETE FROM {table} USING unnest(%s::bigint[], %s::bigint[], %s::bigint[]) "
                "AS span (asset, first, past) WHERE asset_id = asset AND start >= first AND start < past",
                [list(column) for column in zip(*spans, strict=True)],
            )
            return
        cursor.executemany(f"DELETE FROM {table} WHERE asset_id = %s AND start >= %s AND start < %s", spans)


def _joined(spans: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Spans of each asset that touch or overlap, as one."""
    found: list[tuple[int, int, int]] = []
    for asset, first, end in sorted(spans):
        if found and found[-1][0] == asset and first <= found[-1][2]:
            found[-1] = (asset, found[-1][1], max(end, found[-1][2]))
        else:
            found.append((asset, first, end))
    return found


@lru_cache(maxsize=4096)
def month_of(seconds: int) -> int:
    """Beginning of the month that holds that day."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return seconds - (day.day - 1) * DAY - seconds % DAY


def month_after(seconds: int) -> int:
    """Beginning of the first month that does not begin before that time."""
    if seconds >= FOREVER:
        return seconds
    begin = month_of(seconds)
    return begin if begin == seconds else month_of(begin + 31 * DAY)


# --- who used most -------------------------------------------------------------------------------------------------
def energy_by_asset(connection: BaseDatabaseWrapper, parts: Sequence[tuple[str, int, int]], kind: str | None) -> Rows:
    """(number, kWh) of the assets that have anything in the parts (table, first, end), s, of a window."""
    if not parts:
        return []
    # Asset by asset, each a look into the tables' order; so that it costs the same wherever the window lies.
    inner = " UNION ALL ".join(
        f"SELECT asset_id, energy FROM fleet_asset {_JOIN[connection.vendor]} {table} ON asset_id = fleet_asset.id "
        "WHERE start >= %s AND start < %s" + (" AND kind = %s" if kind else "")
        for table, _, _ in parts
    )
    values: list[Any] = []
    for _, first, end in parts:
        values += [first, end, kind] if kind else [first, end]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT number, used FROM (SELECT asset_id, SUM(energy) AS used FROM ({inner}) AS part "
            "GROUP BY asset_id) AS total JOIN fleet_asset ON fleet_asset.id = asset_id",
            values,
        )
        found: Rows = cursor.fetchall()
    return found


_JOIN = {"sqlite": "CROSS JOIN", "postgresql": "JOIN"}  # CROSS JOIN keeps SQLite's planner to this order


def first_quarter(connection: BaseDatabaseWrapper) -> int | None:
    """Beginning of the first quarter of all, s."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT MIN(first) FROM (SELECT (SELECT MIN(start) FROM {QUARTERS} WHERE asset_id = fleet_asset.id) "
            "AS first FROM fleet_asset) AS each"
        )
        found: int | None = cursor.fetchone()[0]
    return found


def last_quarter(connection: BaseDatabaseWrapper) -> int | None:
    """Beginning of the last quarter of all, s."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT MAX(last) FROM (SELECT (SELECT MAX(start) FROM {QUARTERS} WHERE asset_id = fleet_asset.id) "
            "AS last FROM fleet_asset) AS each"
        )
        found: int | None = cursor.fetchone()[0]
    return found


def fleet_sums(connection: BaseDatabaseWrapper, table: str, first: int, end: int) -> Rows:
    """(start, kind, kWh, kWh charged, µs covered, assets) of all assets of a kind together."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT start, kind, SUM(energy), SUM(charged), CAST(SUM(covered) AS BIGINT), COUNT(*) "
            f"FROM fleet_asset {_JOIN[connection.vendor]} {table} ON asset_id = fleet_asset.id "
            "WHERE start >= %s AND start < %s GROUP BY start, kind ORDER BY start, kind",
            [first, end],
        )
        found: Rows = cursor.fetchall()
    return found


def quarter_arrays(
    connection: BaseDatabaseWrapper, ids: Sequence[int], first: int, end: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Asset, start (s), kWh and µs covered of the quarters of these assets that begin in `first <= … < end`."""
    import numpy as np  # noqa: PLC0415  (as above)

    row = np.dtype([("asset", np.int64), ("start", np.int64), ("energy", np.float64), ("covered", np.float64)])
    marks = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT asset_id, start, energy, covered FROM {QUARTERS} "
            f"WHERE asset_id IN ({marks}) AND start >= %s AND start < %s",
            [*ids, first, end],
        )
        found = np.fromiter(cursor, row)
    return found["asset"], found["start"], found["energy"], found["covered"]


# --- inserting -----------------------------------------------------------------------------------------------------
def _insert_many_a_statement(
    connection: BaseDatabaseWrapper, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]], conflict: str
) -> None:
    width, rows = len(names), len(columns[0])
    values: list[Any] = [None] * (width * rows)
    for place, column in enumerate(columns):
        values[place::width] = column
    done = 0
    connection.ensure_connection()
    with connection.wrap_database_errors:
        for size in ROWS_A_STATEMENT:
            text = f"INSERT INTO {table} ({', '.join(names)}) VALUES {_marks(width, size)} {conflict}"
            while rows - done >= size:
                connection.connection.execute(text, values[done * width : (done + size) * width])
                done += size


@lru_cache(maxsize=64)
def _marks(width: int, rows: int) -> str:
    return ",".join(repeat("(" + ",".join(repeat("?", width)) + ")", rows))


def _insert_arrays(
    connection: BaseDatabaseWrapper, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]], conflict: str
) -> None:
    arrays = ", ".join(f"%b::{kind}[]" for kind in TYPES[table])
    with _psycopg_cursor(connection) as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM unnest({arrays}) {conflict}", list(columns)
        )


def _copied(
    connection: BaseDatabaseWrapper, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]
) -> bool:
    """Whether all rows are stored by COPY; where some are there already, none is."""
    try:
        with (
            transaction.atomic(using=connection.alias),
            _psycopg_cursor(connection) as cursor,
            cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types([COPIED_AS[kind] for kind in TYPES[table]])
            for row in zip(*columns, strict=True):
                copy.write_row(row)
    except IntegrityError:
        return False
    return True


@contextmanager
def _psycopg_cursor(connection: BaseDatabaseWrapper) -> Iterator[psycopg.Cursor[Any]]:
    """Django's own cursor would write arrays out as text on this side."""
    import psycopg  # noqa: PLC0415  (only where PostgreSQL is the database)

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
