"""A database as `migrate` leaves an empty one: made once, and copied for the tests and for the servers they start."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
NAME = "rovi.sqlite3"
TEMPLATE = "rovi_migrated_"  # and a digest: that of PostgreSQL
TEMPLATES_KEPT = 12  # of several branches


def put_migrated(data: Path) -> None:
    """Into a data folder that has no database; there `migrate` finds nothing to do, which saves it some seconds."""
    if not (data / NAME).exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(_migrated(), data / NAME)


def fill_migrated(database: sqlite3.Connection) -> None:
    """All tables into an empty database that is open."""
    with closing(sqlite3.connect(_migrated())) as kept:
        kept.backup(database)


def create_migrated(server_url: str, name: str) -> None:
    """A new database on a PostgreSQL server."""
    import psycopg

    template = template_on(server_url)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")


@cache
def template_on(server_url: str) -> str:
    """The name of the database there that is copied; nobody connects to it, or it could not be."""
    import psycopg

    name = f"{TEMPLATE}{_digest()}"
    known = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY oid"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])  # one makes it, the others wait for it
        found = [row[0] for row in server.execute(known, [f"{TEMPLATE}%"])]
        if name not in found:
            unfinished = f"{name}_unfinished"
            server.execute(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {unfinished}")
            with tempfile.TemporaryDirectory() as data:
                _migrate(data, urlsplit(server_url)._replace(path=f"/{unfinished}").geturl())
            server.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")
            for old in found[: max(0, len(found) + 1 - TEMPLATES_KEPT)]:
                server.execute(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)")
    return name


@cache
def _migrated() -> Path:
    """Kept in the machine's folder for temporary files, by what makes it: also other processes and runs take it."""
    kept = Path(tempfile.gettempdir()) / f"rovi-tests-{os.getuid()}"
    kept.mkdir(mode=0o700, exist_ok=True)
    found = kept / f"{_digest()}.sqlite3"
    if not found.exists():
        with tempfile.TemporaryDirectory(dir=kept) as data:
            _migrate(data, "")
            (Path(data) / NAME).replace(found)  # whole, or not there, also where two make it at once
    return found


def _migrate(data: str, url: str) -> None:
    ours = {"ROVI_DATA": data, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
    others = {name: value for name, value in os.environ.items() if not name.startswith(("ROVI_", "PYTEST"))}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=PROJECT, env={**others, **ours}, check=True, capture_output=True, timeout=300)


@cache
def _digest() -> str:
    """Of all migrations and of Django."""
    digest = hashlib.sha256(metadata.version("django").encode())
    for path in sorted(PROJECT.glob("*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update((PROJECT / "access" / "granting.py").read_bytes())  # which grants what roles may, after migrating
    return digest.hexdigest()[:16]
