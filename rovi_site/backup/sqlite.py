"""A SQLite database by SQLite's online backup: a copy of one moment, while others write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

BESIDE = ("", "-wal", "-shm")  # the database, and what lies beside it while it is open


def copy(database: Path, target: Path) -> None:
    """All pages in one step, so that whoever writes meanwhile does not make it begin anew. Raises sqlite3.Error."""
    with closing(sqlite3.connect(database, timeout=60)) as source, closing(sqlite3.connect(target)) as copied:
        source.backup(copied, pages=-1)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself


def check(database: Path) -> str:
    """What is wrong with it; empty: nothing."""
    try:
        with closing(sqlite3.connect(database)) as opened:
            found = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found


def has_tables(database: Path) -> bool:
    """Raises sqlite3.Error for a file that is no database."""
    if not database.exists():
        return False
    with closing(sqlite3.connect(database)) as opened:
        return opened.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def settle(database: Path) -> None:
    """Puts what lies beside it into the file itself; where it is damaged it is moved as it is."""
    try:
        with closing(sqlite3.connect(database)) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return
