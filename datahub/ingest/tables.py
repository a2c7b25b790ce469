"""SQL text of storing rows, on SQLite and PostgreSQL; the tables themselves and reading are in `datahub.tables`.

Values are parameters. Identifiers come from integers, or from column names that are checked and quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.ingest.digest import hashed
from datahub.ingest.sieve import Chunk
from datahub.tables import SQL_TYPES, TEST_TIME, quoted, rows_table

if TYPE_CHECKING:
    import psycopg

Rows = list[tuple[Any, ...]]


# --- what is counted of a battery ----------------------------------------------------------------------------------
COUNTERS = (
    "rows", "late_rows", "repeated_rows", "refused_rows", "non_finite_values",
    "first_test_time", "last_test_time", "late_from", "last_received", "interval_seconds", "first_received",
)  # fmt: skip
LIMITS = ("dropped_rows", "most_rows", "when_full")  # are read alone
NAMES_A_QUERY = 500  # SQLite takes more parameters, but a list this long is quick to plan
BATTERIES_AN_UPDATE = 64


def lock_accounts(connection: BaseDatabaseWrapper, names: Sequence[str]) -> Rows:
    """(id, name, columns as JSON, *COUNTERS, *LIMITS) of the batteries there are, locked until the transaction ends.

    In the order of their ids, so that two writers never wait for each other. On PostgreSQL the lock also keeps row ids
    in the order of commits: the next writer draws its ids after this one. SQLite's transaction holds all of it.
    """
    counters = ", ".join([*COUNTERS, *LIMITS])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"SELECT id, name, columns::text, {counters} FROM datahub_battery WHERE name = ANY(%s) "
                "ORDER BY id FOR NO KEY UPDATE",
                [list(names)],
            )
            locked: Rows = cursor.fetchall()
            return locked
        found: Rows = []
        for first in range(0, len(names), NAMES_A_QUERY):
            some = names[first : first + NAMES_A_QUERY]
            marks = ", ".join(repeat("%s", len(some)))
            cursor.execute(f"SELECT id, name, columns, {counters} FROM datahub_battery WHERE name IN ({marks})", some)
            found += cursor.fetchall()
        return found


def update_counters(connection: BaseDatabaseWrapper, changed: Rows) -> None:
    """(id, *COUNTERS), a battery each."""
    if connection.vendor == "postgresql":
        _update_from_arrays(connection, changed)
        return
    sets = ", ".join(f"{name} = new.column{place}" for place, name in enumerate(COUNTERS, start=2))
    connection.ensure_connection()
    with connection.wrap_database_errors:
        for some in _in_parts(changed, BATTERIES_AN_UPDATE):
            text = (
                f"UPDATE datahub_battery SET {sets} FROM (VALUES {_marks(1 + len(COUNTERS), len(some))}) AS new "
                "WHERE datahub_battery.id = new.column1"
            )
            connection.connection.execute(text, list(chain.from_iterable(some)))


def _update_from_arrays(connection: BaseDatabaseWrapper, changed: Rows) -> None:
    sets = ", ".join(f"{name} = new.{name}" for name in COUNTERS)
    arrays = ", ".join(["%b::bigint[]"] * 6 + ["%b::double precision[]"] * 6)
    statement = (
        f"UPDATE datahub_battery SET {sets} FROM unnest({arrays}) AS new (id, {', '.join(COUNTERS)}) "
        "WHERE datahub_battery.id = new.id"
    )
    with _psycopg_cursor(connection) as cursor:
        cursor.execute(statement, [list(column) for column in zip(*changed, strict=True)])


# --- rows of one battery -------------------------------------------------------------------------------------------
OWN = ("row_digest", "row_late", "received")
ROWS_A_STATEMENT = (128, 16, 4, 1)  # beyond the first no CPU is saved, and each keeps 80 KiB a battery
VALUES_A_STATEMENT = 30_000  # SQLite takes 32,766
TIMES_A_QUERY = 5_000
ROWS_TO_COPY = 4  # with fewer, one statement is as quick
ROWS_TO_TRY_TO_COPY = 200  # with fewer, the savepoint costs what COPY saves
COPIED_AS = {"BIGINT": "int8", "BOOLEAN": "bool", "DOUBLE PRECISION": "float8", "TEXT": "text"}


def insert(
    connection: BaseDatabaseWrapper,
    battery_id: int,
    kinds: Mapping[str, str],
    chunk: Chunk,
    late: Sequence[bool],
    all_new: bool = False,
) -> int:
    """Stores the rows that are not there yet, in their order; returns how many those were.

    `all_new` says that none can be there, as each has a test_time after all before it.
    """
    into = f"INSERT INTO {quoted(rows_table(battery_id))} {_listed(chunk.names)}"
    if connection.vendor == "postgresql":
        types = ["BIGINT", "BOOLEAN", SQL_TYPES["float"], *[SQL_TYPES[kinds[name]] for name in chunk.names]]
        if all_new and len(chunk) >= ROWS_TO_COPY:
            _copy(connection, battery_id, types, chunk)
            return len(chunk)
        if len(chunk) >= ROWS_TO_TRY_TO_COPY and True not in late and _copied(connection, battery_id, types, chunk):
            return len(chunk)
        statement = f"{into} SELECT * FROM unnest({', '.join(_arrays(types))}) ON CONFLICT DO NOTHING"
        with _psycopg_cursor(connection) as cursor:
            cursor.execute(statement, [chunk.digests, list(late), chunk.received, *_of_one_type(chunk, kinds)])
            return cursor.rowcount
    return _insert_many_a_statement(connection, f"{into} VALUES", [chunk.digests, late, chunk.received, *chunk.columns])


def _of_one_type(chunk: Chunk, kinds: Mapping[str, str]) -> Iterator[list[Any]]:
    """The columns; psycopg takes no list of whole numbers and floats, as a column holds that was widened amid them."""
    for name, column in zip(chunk.names, chunk.columns, strict=True):
        is_mixed = kinds[name] == "float" and int in set(map(type, column))
        yield [None if value is None else float(value) for value in column] if is_mixed else column


def _copied(connection: BaseDatabaseWrapper, battery_id: int, types: Sequence[str], chunk: Chunk) -> bool:
    """Whether the rows, of which none is late, are stored by COPY; where some are there already, none is."""
    try:
        with transaction.atomic(using=connection.alias):
            _copy(connection, battery_id, types, chunk)
    except IntegrityError:
        return False
    return True


def _copy(connection: BaseDatabaseWrapper, battery_id: int, types: Sequence[str], chunk: Chunk) -> None:
    """Stores rows of which none is late and none there already; raises IntegrityError where one is.

    µs of CPU of the client and of the server (PostgreSQL 15, nine columns). For 10,000 rows, a row: unnest 2.8 and 7.3;
    COPY into a temporary table and INSERT from there 0.6 and 6.0; this 1.1 and 3.3. For 25 rows in each of 100 tables,
    a table: unnest 243 and 390; one call of a function that does it table by table 25 and 520; this 89 and 130.
    """
    statement = f"COPY {quoted(rows_table(battery_id))} {_listed(chunk.names)} FROM STDIN (FORMAT BINARY)"
    with _psycopg_cursor(connection) as cursor, cursor.copy(statement) as copy:
        copy.set_types([COPIED_AS[kind] for kind in types])
        for row in zip(chunk.digests, repeat(False), chunk.received, *chunk.columns, strict=False):
            copy.write_row(row)


def _insert_many_a_statement(connection: BaseDatabaseWrapper, statement: str, columns: Sequence[Sequence[Any]]) -> int:
    """SQLite's module lets go of Python's lock while a statement runs, and must win it back after each.

    With `executemany` that is after each row: beside an event loop that works hard it stored 24,000 rows/s, and many
    rows a statement 115,000. The few sizes keep the statements in the module's cache.
    """
    stored = done = 0
    width, rows = len(columns), len(columns[0])
    connection.ensure_connection()
    with connection.wrap_database_errors:
        for size in ROWS_A_STATEMENT:
            text = f"{statement} {_marks(width, size)} ON CONFLICT DO NOTHING"
            while rows - done >= size and (size == 1 or size * width <= VALUES_A_STATEMENT):
                some = [column[done : done + size] for column in columns]
                values = list(chain.from_iterable(zip(*some, strict=True)))
                stored += connection.connection.execute(text, values).rowcount
                done += size
    return stored


def stored_among(connection: BaseDatabaseWrapper, battery_id: int, times: Iterable[float]) -> set[tuple[float, int]]:
    """(test_time, digest) of the rows that are stored at these times."""
    wanted = sorted(set(times))
    found: set[tuple[float, int]] = set()
    with connection.cursor() as cursor:
        for first in range(0, len(wanted), TIMES_A_QUERY):
            some = wanted[first : first + TIMES_A_QUERY]
            marks = ", ".join(repeat("%s", len(some)))
            cursor.execute(
                f"SELECT {TEST_TIME}, row_digest FROM {quoted(rows_table(battery_id))} WHERE {TEST_TIME} IN ({marks})",
                some,
            )
            found.update(cursor.fetchall())
    return found


def late_rows_after(connection: BaseDatabaseWrapper, battery_id: int, row_id: int) -> tuple[int, float | None]:
    """How many rows after this one are late, and the least test_time of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*), MIN({TEST_TIME}) FROM {quoted(rows_table(battery_id))} WHERE row_id > %s AND row_late",
            [row_id],
        )
        count, least = cursor.fetchone()
        return count, least


# --- rows of many batteries ----------------------------------------------------------------------------------------
def insert_each(
    connection: BaseDatabaseWrapper, kinds: Mapping[str, str], chunk: Chunk, shares: Sequence[tuple[int, int]]
) -> list[int]:
    """Stores rows that belong to many batteries whose tables are alike; none is late.

    `shares` are (battery id, rows of it), in the order of the chunk. Returns how many rows of each were not there yet.
    """
    if connection.vendor == "postgresql":
        return _insert_by_a_function(connection, kinds, chunk, shares)
    rows = list(zip(chunk.digests, repeat(False), chunk.received, *chunk.columns, strict=False))
    into = f"{_listed(chunk.names)} VALUES"
    one_row = f"{into} {_marks(len(OWN) + len(chunk.names), 1)} ON CONFLICT DO NOTHING"
    stored = []
    done = 0
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = connection.connection.cursor()
        for battery_id, count in shares:
            insert_into = f'INSERT INTO "{rows_table(battery_id)}"'
            if count == 1:
                stored.append(cursor.execute(f"{insert_into} {one_row}", rows[done]).rowcount)
            else:
                some = list(zip(*rows[done : done + count], strict=True))
                stored.append(_insert_many_a_statement(connection, f"{insert_into} {into}", some))
            done += count
    return stored


# --- rows of many batteries on PostgreSQL --------------------------------------------------------------------------
FUNCTIONS_A_SESSION = 200  # a fleet needs one or two; what clients send must not fill a catalogue
VALUES_OF_A_FUNCTION = 90  # PostgreSQL's functions have at most 100 arguments


def _insert_by_a_function(
    connection: BaseDatabaseWrapper, kinds: Mapping[str, str], chunk: Chunk, shares: Sequence[tuple[int, int]]
) -> list[int]:
    """One call for all tables, which the server works through by itself.

    For a row in each of 1,000 tables, µs of CPU a row of the client and of the server (PostgreSQL 15): a statement a
    table 244 and 264 (unnest), 86 and 90 (VALUES); a pipeline of VALUES 69 and 47, prepared 77 and 53; a WITH of 50
    INSERTs 29 and 75, of 200 36 and 88; all statements as one text 9 and 78; a COPY a table 101 and 100; this 5 and 50.
    What the client saves is time in which Python's lock is free for the sockets. One COPY into one table took 1 and 3,
    but somebody must then move the rows on, table by table, and until then no reader sees them.
    """
    types = tuple(SQL_TYPES[kinds[name]] for name in chunk.names)
    ids = list(chain.from_iterable([repeat(battery_id, rows) for battery_id, rows in shares]))
    function = _made_function(connection, chunk.names, types)
    if function is None:
        return _insert_one_by_one(connection, kinds, chunk, shares)
    arrays = ", ".join(["%b::bigint[]", "%b::bigint[]", "%b::double precision[]", *_arrays(types)])
    values = [ids, chunk.digests, chunk.received, *chunk.columns]
    with _psycopg_cursor(connection) as cursor:
        ((found,),) = cursor.execute(f"SELECT {function}({arrays})", values, binary=True).fetchall()
    first = 0
    stored = []
    for _, rows in shares:
        stored.append(sum(found[first : first + rows]))
        first += rows
    return stored


def _insert_one_by_one(
    connection: BaseDatabaseWrapper, kinds: Mapping[str, str], chunk: Chunk, shares: Sequence[tuple[int, int]]
) -> list[int]:
    first = 0
    stored = []
    for battery_id, rows in shares:
        stored.append(insert(connection, battery_id, kinds, chunk.part(first, first + rows), [False] * rows))
        first += rows
    return stored


_made: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()  # functions of each session


def _made_function(connection: BaseDatabaseWrapper, names: tuple[str, ...], types: tuple[str, ...]) -> str | None:
    """The name of a function of this session that stores rows with these columns; None where there cannot be one."""
    connection.ensure_connection()
    made = _made.setdefault(connection.connection, set())
    name, text = _function(names, types)
    if name in made:
        return name
    if len(names) > VALUES_OF_A_FUNCTION or len(made) >= FUNCTIONS_A_SESSION:
        return None
    with _psycopg_cursor(connection) as cursor:
        cursor.execute(text)
    transaction.on_commit(lambda: made.add(name), using=connection.alias)  # a rollback takes it away
    return name


@lru_cache(maxsize=FUNCTIONS_A_SESSION)
def _function(names: tuple[str, ...], types: tuple[str, ...]) -> tuple[str, str]:
    """Its name, and the statement that makes it: an INSERT for each row, into the table of the row's `id`."""
    columns = ["id", "row_digest", "received", *[f"value_{place}" for place in range(len(names))]]
    arguments = ", ".join(
        f"{column}s {kind}[]"
        for column, kind in zip(columns, ["bigint", "bigint", "double precision", *types], strict=True)
    )
    values = ", ".join(f"${place}" for place in range(3, len(columns)))
    name = f"pg_temp.store_{hashed(arguments + _listed(names)).hex()}"
    text = f"""
        CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS int[] LANGUAGE plpgsql AS $function$
        DECLARE
            given record;
            stored int;
            all_stored int[];
        BEGIN
            FOR given IN
                SELECT * FROM unnest({", ".join(f"{column}s" for column in columns)}) AS sent ({", ".join(columns)})
            LOOP
                EXECUTE 'INSERT INTO rows_' || given.id
                    || ' {_listed(names)} VALUES ($1, FALSE, $2{", " + values if names else ""}) ON CONFLICT DO NOTHING'
                USING {", ".join(f"given.{column}" for column in columns[1:])};
                GET DIAGNOSTICS stored = ROW_COUNT;
                all_stored := all_stored || stored;
            END LOOP;
            RETURN all_stored;
        END $function$"""
    return name, text


# --- texts ---------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1024)
def _listed(names: tuple[str, ...]) -> str:
    return f"({', '.join([*OWN, *map(quoted, names)])})"


@lru_cache(maxsize=1024)
def _marks(width: int, rows: int) -> str:
    return ",".join(repeat("(" + ",".join(repeat("?", width)) + ")", rows))


def _arrays(types: Sequence[str]) -> list[str]:
    """PostgreSQL's parameters for whole columns; text goes as text, everything else in binary."""
    return [f"%{'t' if kind == 'TEXT' else 'b'}::{kind}[]" for kind in types]


@contextmanager
def _psycopg_cursor(connection: BaseDatabaseWrapper) -> Iterator[psycopg.Cursor[Any]]:
    """Django's own cursor would write arrays out as text on this side."""
    import psycopg  # noqa: PLC0415  (only where PostgreSQL is the database)

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def _in_parts(rows: Rows, size: int) -> Iterator[Rows]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
