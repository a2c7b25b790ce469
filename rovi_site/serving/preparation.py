"""What must be true before anything is started. Each thing that is not stops the start with a sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from django import db
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.exceptions import InconsistentMigrationHistory

from rovi_site.env import CannotStart

LOCK = "serve.lock"


def prepare_folder(folder: Path) -> IO[str]:
    """Makes the data folder, sees that it can be written, and takes it for this server alone while the file is open."""
    make_folder(folder)
    try:
        lock = (folder / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise _not_writable(folder, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        raise CannotStart(
            f"Another server (process {lock.read().strip() or 'unknown'}) already uses the data folder {folder}. Stop "
            "it, or name another folder in ROVI_DATA. One more worker: make worker."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.STATIC_ROOT.mkdir(exist_ok=True)  # empty unless collectstatic was run; the file server wants it there
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: Path, error: OSError) -> CannotStart:
    return CannotStart(
        f"The data folder {folder} cannot be written ({error.strerror}). Make it writable, or name another one in "
        "ROVI_DATA."
    )


def check_address(host: str, port: int) -> None:
    """Can the web server listen there?"""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except socket.gaierror:
        raise CannotStart(f"HOST={host!r} is no address of this machine. 127.0.0.1 is itself, 0.0.0.0 all.") from None
    except OSError as error:
        raise CannotStart(_why_not_bound(host, port, error)) from None


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop it, or choose another: PORT={port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user (below 1024 it takes root). Choose another: PORT=8000"
    return f"HOST={host!r} is no address of this machine ({error.strerror}). 127.0.0.1 is itself, 0.0.0.0 all."


def migrate() -> None:
    """Brings the database up to date with the code, or says why it cannot be used."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (db.Error, InconsistentMigrationHistory) as error:
        raise CannotStart(_why_no_database(error)) from None


def _why_no_database(error: Exception) -> str:
    said = " ".join(str(error).split())
    if db.connection.vendor != "sqlite":
        return f"The database that DATABASE_URL names does not answer, or refuses: {said}"
    path = settings.DATABASES["default"]["NAME"]
    if "not a database" in said or "malformed" in said:
        return f"{path} is damaged or no SQLite database ({said}). Put a backup back, or move it away to begin anew."
    if "readonly" in said or "unable to open" in said:
        return f"The database {path} cannot be opened for writing ({said}). Give this user the file and its folder."
    return f"The database {path} cannot be brought up to date ({said})."
