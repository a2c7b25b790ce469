"""All SQL text of this room: what Django's own words cannot say."""

from __future__ import annotations

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
