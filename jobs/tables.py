"""All SQL text of this room: what Django's own words cannot say."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper


def now(connection: BaseDatabaseWrapper) -> float:
    """The database's clock, Unix time, s."""
    statement = (
        "SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8"
        if connection.vendor == "postgresql"
        else "SELECT (julianday('now') - 2440587.5) * 86400.0"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return float(cursor.fetchone()[0])


def lock_shards_of(connection: BaseDatabaseWrapper, owner: str) -> dict[int, int]:
    """Fences by number of the shards that `owner` holds, which nobody takes until the transaction ends.

    Shared, since several threads of one worker commit at the same time.
    """
    shared = " FOR SHARE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT number, fence FROM jobs_shard WHERE owner = %s ORDER BY number{shared}", [owner])
        return dict(cursor.fetchall())


def end_idle_transactions(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Lets PostgreSQL end a transaction whose client says nothing for so long: a frozen worker's locks would stay."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [f"{seconds * 1000:.0f}"])


class Copying(NamedTuple):
    """A COPY of one session; its start tells it from others of that session, or of a later one with that number."""

    session: int
    began: datetime


def copies_under_way(connection: BaseDatabaseWrapper) -> dict[Copying, int]:
    """How many bytes each COPY into this database has brought that waits for its client; none on SQLite."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, query_start, bytes_processed FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid) "
            "WHERE command = 'COPY FROM' AND pg_stat_activity.datname = current_database() AND usename = current_user "
            "AND wait_event = 'ClientRead'"
        )
        return {Copying(pid, began): done for pid, began, done in cursor.fetchall()}


def end_session(connection: BaseDatabaseWrapper, copying: Copying) -> bool:
    """Whether it was still there to be ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND query_start = %s", list(copying)
        )
        return bool(cursor.fetchall())
