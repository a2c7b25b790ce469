"""A PostgreSQL database by its own programs, pg_dump and pg_restore: its tables are the schema `public`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from psycopg.conninfo import make_conninfo

ALL_ALIKE = ("--no-owner", "--no-acl", "--schema=public")


class ProgramFailed(Exception):
    """The text is a sentence for people."""


def dump(path: Path) -> None:
    """A snapshot of one moment: pg_dump reads in one transaction. Raises ProgramFailed."""
    _run("pg_dump", *ALL_ALIKE, "--format=custom", f"--file={path}")


def load(path: Path) -> None:
    """Into the empty schema `public`, all or nothing. Raises ProgramFailed."""
    _run("pg_restore", *ALL_ALIKE, "--single-transaction", "--exit-on-error", str(path))


def check_programs(*names: str) -> None:
    for name in names:
        if shutil.which(name) is None:
            raise ProgramFailed(
                f"{name} is not here. Install PostgreSQL's client programs, of the server's version or a later one "
                "(Debian: apt-get install postgresql-client)."
            )


def _run(name: str, *arguments: str) -> None:
    check_programs(name)
    told: dict[str, Any] = connection.settings_dict
    wishes = {key: value for key, value in told["OPTIONS"].items() if isinstance(value, str | int)}
    place = {"dbname": told["NAME"], "user": told["USER"], "host": told["HOST"], "port": told["PORT"]}
    address = make_conninfo("", **{key: str(value) for key, value in {**wishes, **place}.items() if value})
    environment = {**os.environ, **({"PGPASSWORD": told["PASSWORD"]} if told["PASSWORD"] else {})}
    command = [name, f"--dbname={address}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ProgramFailed(f"{name} failed: {' '.join(done.stderr.split())}")


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
