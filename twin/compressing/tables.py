"""SQL of TimescaleDB: a table of estimates as a hypertable by row id, whose older chunks are kept compressed.

A hypertable's unique keys must hold the column that it is cut by. That of estimates is `row_id`; that of rows, a digest
of their content, is not, so tables of rows stay as they are.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from datahub.tables import quoted
from twin.tables import estimates_table

ROWS_A_CHUNK = 100_000
OLDEST_VERSION = (2, 14)  # changes rows in compressed chunks, as late rows and retention do


def version(connection: BaseDatabaseWrapper) -> tuple[int, ...] | None:
    """Of the extension in this database; None where it is not there."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        found = cursor.fetchone()
    return tuple(int(part) for part in found[0].split("-")[0].split(".")) if found else None


def is_hypertable(connection: BaseDatabaseWrapper, estimator_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM timescaledb_information.hypertables "
            "WHERE hypertable_schema = current_schema() AND hypertable_name = %s",
            [estimates_table(estimator_id)],
        )
        return cursor.fetchone() is not None


def make_hypertable(connection: BaseDatabaseWrapper, estimator_id: int) -> None:
    """Moves the rows into chunks, and locks the table for so long."""
    table = estimates_table(estimator_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT create_hypertable(%s::regclass, by_range('row_id', %s::bigint), migrate_data => true)",
            [table, ROWS_A_CHUNK],
        )
        cursor.execute(
            f"ALTER TABLE {quoted(table)} SET (timescaledb.compress, timescaledb.compress_orderby = 'row_id')"
        )


def compress(connection: BaseDatabaseWrapper, estimator_id: int, before_row: int) -> int:
    """The chunks whose rows all have smaller ids; tells how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(compress_chunk(chunk, if_not_compressed => true)) "
            "FROM show_chunks(%s::regclass, older_than => %s::bigint) AS chunk",
            [estimates_table(estimator_id), before_row],
        )
        number: int = cursor.fetchone()[0]
    return number
