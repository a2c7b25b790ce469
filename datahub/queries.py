"""Questions about batteries and their rows."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, Sum, TextField
from django.db.models.functions import Cast, Coalesce

from datahub import tables
from datahub.charting.drawing import Chart, chart_of
from datahub.errors import NoSuchBattery, NoSuchColumn
from datahub.models import Battery

if TYPE_CHECKING:
    import numpy as np

MOST_ROWS_AT_ONCE = 100_000

# Rooms above add a function that tells the ids of the batteries of which they hold an estimator.
holders_of_estimators: list[Callable[[], set[int]]] = []


@dataclass(frozen=True)
class RowBlock:
    """Rows in order of arrival. `columns` are float64 with NaN for NULL, text columns arrays of objects with None."""

    ids: np.ndarray
    late: np.ndarray
    received: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)


# --- batteries -----------------------------------------------------------------------------------------------------
def battery_named(name: str) -> Battery:
    """Raises NoSuchBattery, which tells the names that come near."""
    battery = Battery.objects.filter(name=name).first() if "\0" not in name else None
    if battery is None:
        names = Battery.objects.values_list("name", flat=True)[:10_000]
        raise NoSuchBattery(name, difflib.get_close_matches(name, names, n=3))
    return battery


def column_names(battery: Battery) -> list[str]:
    """`test_time` first, then the others as the map of kinds has them."""
    return _in_order(battery.columns)


def _in_order(columns: Mapping[str, str]) -> list[str]:
    return sorted(columns, key=lambda name: name != tables.TEST_TIME)


@dataclass(frozen=True)
class Totals:
    """Over all batteries there are: how many they are, and their counters of rows."""

    batteries: int
    rows: int
    late: int
    repeated: int
    refused: int


def fleet_totals() -> Totals:
    """Rows are those that are there still; the other counters tell of all that came."""
    kept = F("rows") - F("dropped_rows")
    counters = {"rows": kept, "late": "late_rows", "repeated": "repeated_rows", "refused": "refused_rows"}
    sums = {name: Coalesce(Sum(counter), 0) for name, counter in counters.items()}
    return Totals(**Battery.objects.aggregate(batteries=Count("pk"), **sums))


def stats() -> dict[str, dict[str, Any]]:
    """What /db/stats answers, in one query of this room and one of each room above."""
    with_estimator = batteries_with_estimators()
    described = ExpressionWrapper(Q(metadata__isnull=False), BooleanField())
    batteries = Battery.objects.order_by("name").annotate(
        described=described, text=Cast("columns", TextField()), kept=F("rows") - F("dropped_rows")
    )
    return {
        name: {
            "has_metadata": is_described,
            "has_data": rows > 0,
            "has_estimator": battery_id in with_estimator,
            "data_stats": {"rows": kept, "columns": columns} if (columns := _sql_columns(text)) else None,
        }
        for battery_id, name, rows, kept, is_described, text in batteries.values_list(
            "id", "name", "rows", "kept", "described", "text"
        ).iterator(chunk_size=2000)
    }


def columns_as_text() -> list[tuple[int, str, int, str]]:
    """(id, name, rows ever stored, columns as JSON) of the batteries that have any rows."""
    found = Battery.objects.filter(rows__gt=0).order_by("pk").annotate(text=Cast("columns", TextField()))
    return list(found.values_list("pk", "name", "rows", "text"))


def batteries_with_estimators() -> set[int]:
    """Ids, asked of the rooms above."""
    return set().union(*[holders() for holders in holders_of_estimators])


@lru_cache(maxsize=1024)
def _sql_columns(text: str) -> dict[str, str] | None:
    """Types by column; batteries of a kind share one map, which nobody changes. None where there is no table."""
    kinds = json.loads(text)
    if not kinds:
        return None
    return {name: tables.SQL_TYPES[kinds[name]] for name in _in_order(kinds)} | {"received": tables.SQL_TYPES["float"]}


# --- rows ----------------------------------------------------------------------------------------------------------
def rows_after(battery: Battery, after_id: int, limit: int, columns: Sequence[str] | None = None) -> RowBlock:
    """Rows that came after the one with id `after_id`. A column the battery does not have is all NaN."""
    names = column_names(battery) if columns is None else list(columns)
    return _block(battery, names, after=after_id, limit=limit)


def rows_in_order(
    battery: Battery,
    after: tuple[float, int] | None,
    limit: int,
    columns: Sequence[str] | None = None,
    up_to: int | None = None,
) -> RowBlock:
    """Rows in order of (test_time, row id) after that place; of those up to id `up_to`, and with a test_time."""
    names = column_names(battery) if columns is None else list(columns)
    return _block(battery, names, tables.select_in_order, after=after, up_to=up_to, limit=limit)


def times_beside(battery: Battery, time: float, count: int, needed: Sequence[str]) -> list[float]:
    """So many distinct test_times (s) after that one, or before it where `count` is negative, in order.

    Of rows with a value in each needed column.
    """
    if not battery.columns:
        return []
    return tables.select_times_beside(connection, battery.pk, time, count, needed)


@dataclass(frozen=True)
class RowsUpTo:
    """Rows up to a place in time: `usable` have current and voltage."""

    usable: int
    not_finite: int
    first_row: int | None
    last_row: int | None
    first_time: float | None  # s


def rows_up_to(battery: Battery, place: tuple[float, int], up_to: int) -> RowsUpTo:
    """Rows up to `place` in order of (test_time, row_id), and with ids up to `up_to`."""
    needed = [name for name in battery.columns if name.lower() in ("current", "voltage")]
    usable, first, last, begun, others = tables.count_up_to(connection, battery.pk, needed, place, up_to)
    return RowsUpTo(usable, others, first, last, begun)


def read_window(
    battery: Battery,
    *,
    columns: Sequence[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    after: int = 0,
    limit: int = MOST_ROWS_AT_ONCE,
) -> RowBlock:
    """Rows with `start <= test_time < end` that came after row id `after`, in order of arrival; raises NoSuchColumn."""
    return _block(battery, _known(battery, columns), start=start, end=end, after=after, limit=limit)


def records(
    battery: Battery,
    *,
    columns: Sequence[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    after: int = 0,
    limit: int = MOST_ROWS_AT_ONCE,
) -> list[dict[str, Any]]:
    """The same rows as maps of exact Python values, with `row_id`, `row_late` and `received` before the columns."""
    names = _known(battery, columns)
    if not battery.columns:
        return []
    rows = tables.select_rows(connection, battery.pk, names, after=after, start=start, end=end, limit=limit)
    kinds = [battery.columns[name] for name in names]
    convert = [_exactly[kind] for kind in kinds]
    keys = ["row_id", "row_late", "received", *names]
    return [
        dict(
            zip(
                keys,
                (
                    row[0],
                    bool(row[1]),
                    row[2],
                    *[None if value is None else to(value) for to, value in zip(convert, row[3:], strict=True)],
                ),
                strict=True,
            )
        )
        for row in rows
    ]


def in_blocks(
    battery: Battery, *, columns: Sequence[str] | None = None, rows: int = 20_000, **window: Any
) -> Iterator[RowBlock]:
    """All rows of a window, block by block, so that a download of any size fits in memory."""
    after = window.pop("after", 0)
    while True:
        block = read_window(battery, columns=columns, after=after, limit=rows, **window)
        if len(block):
            yield block
            after = int(block.ids[-1])
        if len(block) < rows:
            return


# SQLite gives a boolean back as 0 or 1, and a whole number of a widened column as an integer.
_exactly: dict[str, Callable[[Any], Any]] = {"integer": int, "float": float, "boolean": bool, "text": str}


def _known(battery: Battery, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return column_names(battery)
    missing = [name for name in columns if name not in battery.columns]
    if missing:
        raise NoSuchColumn(battery.name, missing, column_names(battery))
    return list(dict.fromkeys(columns))


def _block(
    battery: Battery, names: list[str], select: Callable[..., list[tuple[Any, ...]]] = tables.select_rows, **window: Any
) -> RowBlock:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    there = [name for name in names if name in battery.columns]
    rows = select(connection, battery.pk, there, **window) if battery.columns else []
    ids, late, received, *values = zip(*rows, strict=True) if rows else [()] * (3 + len(there))
    read = dict(zip(there, values, strict=True))
    return RowBlock(
        np.array(ids, dtype=np.int64),
        np.array(late, dtype=bool),
        np.array(received, dtype=np.float64),
        {
            name: np.array(read[name], dtype=object if battery.columns[name] == "text" else np.float64)
            if name in read
            else np.full(len(rows), np.nan)
            for name in names
        },
    )


# --- charts --------------------------------------------------------------------------------------------------------
def chart(
    battery: Battery,
    columns: Sequence[str],
    start: float | None = None,
    end: float | None = None,
    points: int = 2000,
) -> Chart:
    """Number columns over `start <= test_time < end`, at most `points` of each, the shape kept; NULLs are left out.

    Raises NoSuchColumn, also for a column of text.
    """
    names = [name for name in _known(battery, columns) if battery.columns[name] != "text"]
    if len(names) < len(set(columns)):
        raise NoSuchColumn(battery.name, sorted(set(columns) - set(names)), names)
    return chart_of(battery, names, start, end, points)
