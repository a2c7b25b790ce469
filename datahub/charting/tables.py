"""SQL of charts: least and greatest values of parts of time, from rows and from blocks of rows.

A block is ROWS_A_BLOCK rows that arrived one after the other, told by `row_id / ROWS_A_BLOCK`. Its least and greatest
values are kept, in one table a battery (`blocks_<id>`), a line for each number column and one for `test_time`, which
counts the rows; and one without a name after each turn, which says how far they go. Rows never change, so a block that
is full never changes either, until the oldest rows are deleted; and a late row lies in a late block, whose times tell
that. The table is only a shortcut: whatever it does not hold is found in the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat
from math import isfinite
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import STORED_TYPES, TEST_TIME, quoted, rows_table

ROWS_A_BLOCK = 256
COLUMNS_A_STATEMENT = 200  # SQLite gives back at most 2,000 columns
RUNS_A_STATEMENT = 200  # SQLite joins at most 500 SELECTs
TURN = ""  # instead of a column's name

Run = tuple[int, int]  # row ids, the second no more in it


def blocks_table(battery_id: int) -> str:
    return f"blocks_{battery_id:d}"


# --- the table of blocks -------------------------------------------------------------------------------------------
def exists(connection: BaseDatabaseWrapper, battery_id: int) -> bool:
    statement = (
        "SELECT to_regclass(%s) IS NOT NULL"
        if connection.vendor == "postgresql"
        else "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [blocks_table(battery_id)])
        return bool(cursor.fetchone()[0])


def create(connection: BaseDatabaseWrapper, battery_id: int) -> None:
    types = STORED_TYPES[connection.vendor]
    # Clustered by column: a chart reads a few columns of all blocks.
    clustered = "" if connection.vendor == "postgresql" else " WITHOUT ROWID"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {quoted(blocks_table(battery_id))} (name {types['text']} NOT NULL, "
            f"block {types['integer']} NOT NULL, rows {types['integer']} NOT NULL, "
            f"first_time {types['float']} NOT NULL, last_time {types['float']} NOT NULL, "
            f"least {types['float']} NOT NULL, greatest {types['float']} NOT NULL, "
            f"PRIMARY KEY (name, block)){clustered}"
        )


def drop(connection: BaseDatabaseWrapper, battery_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {quoted(blocks_table(battery_id))}")


def next_block(connection: BaseDatabaseWrapper, battery_id: int) -> int:
    """The first that is not there yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COALESCE(MAX(block) + 1, 0) FROM {quoted(blocks_table(battery_id))} WHERE name = %s", [TURN]
        )
        found: int = cursor.fetchone()[0]
    return found


def forget_before(connection: BaseDatabaseWrapper, battery_id: int, names: Collection[str], block: int) -> None:
    """Deletes what is told of blocks whose rows were deleted, of the columns with these names.

    By name, as the table is ordered: what is kept of a long battery is not read.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {quoted(blocks_table(battery_id))} WHERE name IN ({', '.join(repeat('%s', len(names)))}) "
            "AND block < %s",
            [*names, block],
        )


def summarise(
    connection: BaseDatabaseWrapper, battery_id: int, kinds: Mapping[str, str], first: int, end: int
) -> list[tuple[Any, ...]]:
    """Lines of the table of blocks for blocks `first` to `end`, that one not: reads rows, writes nothing.

    What has no test_time is on no chart, and a column without a value in a block has no line there.
    """
    lines: list[tuple[Any, ...]] = []
    names = list(kinds)
    for begin in range(0, len(names), COLUMNS_A_STATEMENT):
        some = names[begin : begin + COLUMNS_A_STATEMENT]
        values = [_number(connection, name, kinds[name]) for name in some]
        listed = "".join(f", COUNT({value}), MIN({value}), MAX({value})" for value in values)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT row_id / {ROWS_A_BLOCK} AS block, MIN({TEST_TIME}), MAX({TEST_TIME}){listed} "
                f"FROM {quoted(rows_table(battery_id))} WHERE row_id >= %s AND row_id < %s AND {TEST_TIME} IS NOT NULL "
                "GROUP BY block",
                [first * ROWS_A_BLOCK, end * ROWS_A_BLOCK],
            )
            for block, first_time, last_time, *extremes in cursor.fetchall():
                for place, name in enumerate(some):
                    rows, least, greatest = extremes[3 * place : 3 * place + 3]
                    if rows:
                        lines.append((name, block, rows, first_time, last_time, float(least), float(greatest)))
    return lines


def insert(connection: BaseDatabaseWrapper, battery_id: int, lines: Iterable[tuple[Any, ...]], end: int) -> None:
    """Lines of blocks up to `end`, that one not. Another worker may have come first; its lines are the same."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quoted(blocks_table(battery_id))} (name, block, rows, first_time, last_time, least, "
            f"greatest) VALUES ({', '.join(repeat('%s', 7))}) ON CONFLICT DO NOTHING",
            [*lines, (TURN, end - 1, 0, 0.0, 0.0, 0.0, 0.0)],
        )


def forget_up_to(connection: BaseDatabaseWrapper, battery_id: int, kinds: Mapping[str, str], last: int) -> None:
    """Rows up to the one with the id `last` are deleted: their blocks go, and the one that is left in part is anew."""
    block = last // ROWS_A_BLOCK
    end = next_block(connection, battery_id)
    forget_before(connection, battery_id, kinds, block + 1)
    forget_before(connection, battery_id, [TURN], min(block + 1, end - 1))
    if block < end:
        insert(connection, battery_id, summarise(connection, battery_id, kinds, block, block + 1), block + 1)


# --- charts --------------------------------------------------------------------------------------------------------
def whole_from(connection: BaseDatabaseWrapper, battery_id: int) -> int:
    """The first block of which no row was deleted: rows are deleted only from the front of their order of arrival."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MIN(row_id), 0) FROM {quoted(rows_table(battery_id))}")
        return -(-cursor.fetchone()[0] // ROWS_A_BLOCK)


def ends_of(
    connection: BaseDatabaseWrapper, battery_id: int, start: float | None, end: float | None
) -> tuple[float | None, float | None]:
    """Least and greatest test_time of `start <= test_time < end`: two looks into the index, however many rows."""
    conditions, values = [f"{TEST_TIME} IS NOT NULL"], []
    if start is not None:
        conditions.append(f"{TEST_TIME} >= %s")
        values.append(start)
    if end is not None:
        conditions.append(f"{TEST_TIME} < %s")
        values.append(end)
    found = []
    with connection.cursor() as cursor:
        for order in ("", " DESC"):
            cursor.execute(
                f"SELECT {TEST_TIME} FROM {quoted(rows_table(battery_id))} WHERE {' AND '.join(conditions)} "
                f"ORDER BY {TEST_TIME}{order} LIMIT 1",
                values,
            )
            found.append(cursor.fetchone())
    least, greatest = found
    return (least and least[0], greatest and greatest[0])


def count_up_to(connection: BaseDatabaseWrapper, battery_id: int, start: float, last: float, most: int) -> int:
    """How many rows of `start <= test_time <= last`, and not more than `most`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {quoted(rows_table(battery_id))} "
            f"WHERE {TEST_TIME} >= %s AND {TEST_TIME} <= %s LIMIT %s) AS chosen",
            [start, last, most],
        )
        found: int = cursor.fetchone()[0]
    return found


def wide_blocks(
    connection: BaseDatabaseWrapper, battery_id: int, blocks: range, start: float, last: float, width: float
) -> list[int]:
    """Those of the blocks that reach into the window, and lie only in part in it or are longer than a part of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT block FROM {quoted(blocks_table(battery_id))} WHERE name = %s AND block >= %s AND block < %s "
            "AND last_time >= %s AND first_time <= %s "
            "AND (first_time < %s OR last_time > %s OR last_time - first_time > %s) ORDER BY block",
            [TEST_TIME, blocks.start, blocks.stop, start, last, start, last, width],
        )
        return [block for (block,) in cursor.fetchall()]


def extremes_of_blocks(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    names: Sequence[str],
    blocks: range,
    start: float,
    last: float,
    parts: int,
) -> list[tuple[str, int, int, float, float]]:
    """(name, part, rows, least, greatest) of those that lie in the window and are no longer than a part of it."""
    width = (last - start) / parts
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, {_part(connection, 'first_time')} AS part, SUM(rows), MIN(least), MAX(greatest) "
            f"FROM {quoted(blocks_table(battery_id))} WHERE name IN ({', '.join(repeat('%s', len(names)))}) "
            "AND block >= %s AND block < %s AND first_time >= %s AND last_time <= %s "
            "AND last_time - first_time <= %s GROUP BY name, part",
            [start, _parts_a_second(start, last, parts), *names, blocks.start, blocks.stop, start, last, width],
        )
        found: list[tuple[str, int, int, float, float]] = cursor.fetchall()
    return found


def extremes_of_rows(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    kinds: Mapping[str, str],
    start: float,
    last: float,
    parts: int,
    runs: Sequence[Run],
) -> Iterable[tuple[Any, ...]]:
    """(part, rows, least and greatest of each column) of the rows in these runs of row ids that lie in the window."""
    numbers = [f"{_number(connection, name, kind)} AS c{place}" for place, (name, kind) in enumerate(kinds.items())]
    extremes = "".join(f", MIN(c{place}), MAX(c{place})" for place in range(len(kinds)))
    one = (
        f"SELECT {', '.join([TEST_TIME, *numbers])} FROM {quoted(rows_table(battery_id))} "
        f"WHERE row_id >= %s AND row_id < %s AND {TEST_TIME} >= %s AND {TEST_TIME} <= %s"
    )
    for begin in range(0, len(runs), RUNS_A_STATEMENT):
        some = runs[begin : begin + RUNS_A_STATEMENT]
        values = [value for first, end in some for value in (first, end, start, last)]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {_part(connection, TEST_TIME)} AS part, COUNT(*){extremes} "
                f"FROM ({' UNION ALL '.join(repeat(one, len(some)))}) AS chosen GROUP BY part",
                [start, _parts_a_second(start, last, parts), *values],
            )
            yield from cursor.fetchall()


def select_by_time(
    connection: BaseDatabaseWrapper, battery_id: int, names: Sequence[str], start: float, last: float
) -> list[tuple[Any, ...]]:
    """(test_time, *names) of `start <= test_time <= last`, in order of test_time."""
    listed = ", ".join([TEST_TIME, *[quoted(name) for name in names]])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {listed} FROM {quoted(rows_table(battery_id))} WHERE {TEST_TIME} >= %s AND {TEST_TIME} <= %s "
            f"ORDER BY {TEST_TIME}, row_id",
            [start, last],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _parts_a_second(start: float, last: float, parts: int) -> float:
    """0 where the window is one instant, or nearly: then all of it is the first part."""
    scale = parts / (last - start) if last > start else 0.0
    return scale if isfinite(scale) else 0.0


def _part(connection: BaseDatabaseWrapper, time: str) -> str:
    """Which part of the window a time lies in; two parameters."""
    if connection.vendor == "postgresql":
        return f"CAST(FLOOR(({time} - %s) * %s) AS BIGINT)"
    return f"CAST(({time} - %s) * %s AS INTEGER)"


def _number(connection: BaseDatabaseWrapper, name: str, kind: str) -> str:
    """PostgreSQL has no least boolean."""
    if connection.vendor == "postgresql" and kind == "boolean":
        return f"CAST({quoted(name)} AS INTEGER)"
    return quoted(name)
