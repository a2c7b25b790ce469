"""A PostgreSQL database by its own programs, pg_dump and pg_restore: its tables are the schema `public`."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from psycopg.conninfo import make_conninfo

ALL_ALIKE = ("--no-owner", "--no-acl", "--schema=public")


class ProgramFailed(Exception):
    """The text is a sentence for people."""


# Where Debian and Red Hat keep the programs of each version; the PATH has one of them.
FOLDERS = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin")
SHARING_LOCKS = (
    "max_connections", "max_prepared_transactions", "max_worker_processes", "max_wal_senders", "autovacuum_max_workers",
)  # fmt: skip
DUMPED_BY = re.compile(r"Dumped by pg_dump version: (\d+)")
OF_ARCHIVE = re.compile(r"^\d+; \d+ \d+ (TABLE(?! DATA)|SEQUENCE(?! SET| OWNED)|INDEX|CONSTRAINT) ", re.MULTILINE)
LOCKS_OF = {"TABLE": 3, "SEQUENCE": 1, "INDEX": 1, "CONSTRAINT": 1}  # a table has one for long values, with an index


def dump(path: Path) -> None:
    """A snapshot of one moment: pg_dump reads in one transaction. Raises ProgramFailed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')"
        )
        (relations,) = cursor.fetchone()
    _check_locks("A backup", relations)
    _run("pg_dump", *ALL_ALIKE, "--format=custom", f"--file={path}")


def load(path: Path) -> None:
    """Into the empty schema `public`, all or nothing. Raises ProgramFailed."""
    _run("pg_restore", *ALL_ALIKE, "--single-transaction", "--exit-on-error", str(path))


def check_loading(path: Path) -> None:
    """Before anything is moved: raises ProgramFailed where it could not be loaded."""
    listed = _called([program("pg_restore"), "--list", str(path)])
    server, made_with = _server_version(), DUMPED_BY.search(listed)
    if made_with is not None and int(made_with[1]) > server:
        raise ProgramFailed(
            f"This backup is of PostgreSQL {made_with[1]}, and the server here is version {server}. Restore it to a "
            f"server of version {made_with[1]} or later."
        )
    _check_locks("Restoring", sum(LOCKS_OF[kind] for kind in OF_ARCHIVE.findall(listed)))


def _check_locks(what: str, wanted: int) -> None:
    """One transaction locks every table at once, and the server has room for only so many locks."""
    with connection.cursor() as cursor:
        names = [*SHARING_LOCKS, "max_locks_per_transaction"]
        cursor.execute("SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)", [names])
        found = dict(cursor.fetchall())
    each = found.pop("max_locks_per_transaction")
    sharing = sum(found.values())
    if wanted > each * sharing:
        raise ProgramFailed(
            f"{what} needs {wanted:,} locks at once, some for each battery, and this PostgreSQL has room for "
            f"{each * sharing:,}. Set max_locks_per_transaction = {math.ceil(1.5 * wanted / sharing)} in its "
            "postgresql.conf (it is "
            f"{each}), restart it, and try again."
        )


def _server_version() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.server_version) // 10_000


def program(name: str) -> str:
    """The path of that program of the server's own version; raises ProgramFailed where it is not here.

    An earlier one refuses the server; of a later one's archives and settings the server knows too little.
    """
    server, seen = _server_version(), []
    for path in [shutil.which(name, path=folder.format(server)) for folder in FOLDERS] + [shutil.which(name)]:
        if path is None:
            continue
        told = re.search(r"\) (\d+)", _called([path, "--version"]))
        if told is not None and int(told[1]) == server:
            return path
        seen.append(f"version {told[1]}" if told else "of an unknown version")
    here = f"is {seen[-1]} here" if seen else "is not here"
    raise ProgramFailed(
        f"{name} {here}, and the server is PostgreSQL {server}. Install the client programs of that version (Debian: "
        f"apt-get install postgresql-client-{server})."
    )


def _run(name: str, *arguments: str) -> None:
    told: dict[str, Any] = connection.settings_dict
    wishes = {key: value for key, value in told["OPTIONS"].items() if isinstance(value, str | int)}
    place = {"dbname": told["NAME"], "user": told["USER"], "host": told["HOST"], "port": told["PORT"]}
    address = make_conninfo("", **{key: str(value) for key, value in {**wishes, **place}.items() if value})
    environment = {**os.environ, **({"PGPASSWORD": told["PASSWORD"]} if told["PASSWORD"] else {})}
    _called([program(name), f"--dbname={address}", *arguments], environment)


def _called(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What it prints; raises ProgramFailed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ProgramFailed(f"{Path(command[0]).name} failed: {' '.join(done.stderr.split())}")
    return done.stdout


# --- what is there before ------------------------------------------------------------------------------------------
def has_tables() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public')")
        return bool(cursor.fetchone()[0])


def other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        number: int = cursor.fetchone()[0]
    return number


def move_aside(schema: str) -> None:
    """`schema` is a name of our own making."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER SCHEMA public RENAME TO "{schema}"; CREATE SCHEMA public;')


def move_back(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS public CASCADE; ALTER SCHEMA "{schema}" RENAME TO public;')


def drop_empty(schema: str) -> None:
    """Of an installation that had nothing. What cannot be dropped without more (somebody's tables) stays."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = %s::regnamespace)", [f'"{schema}"'])
        if not cursor.fetchone()[0]:
            cursor.execute(f'DROP SCHEMA "{schema}"')


REFUSALS = (DatabaseError, ProgramFailed)
