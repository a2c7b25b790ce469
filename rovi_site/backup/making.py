"""Make a backup while the service runs."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from rovi_site.backup import postgresql, sqlite
from rovi_site.backup.archive import DATABASE, MANIFEST, SECRET_KEY, UPLOADS, Manifest, Writer, described
from rovi_site.backup.errors import CannotBackUp

LOST_AND_FOUND = "lost+found"  # of a disk of its own, which only root may read


def back_up(target: Path, *, with_secret_key: bool = False) -> Path:
    """Writes all of it beside `target`, and then gives it that name: a file of that name is whole.

    The database first, then the files: of a record in the snapshot the files are there, unless it was deleted since.
    Raises CannotBackUp.
    """
    if target.exists():
        raise CannotBackUp(f"{target} is there already. Choose another name, or move it away.")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            _make(Path(folder), target, with_secret_key)
    except OSError as error:
        raise CannotBackUp(f"{target} cannot be written: {error.strerror or error}.") from None
    except (DatabaseError, sqlite3.Error) as error:
        raise CannotBackUp(f"The database cannot be read: {error}.") from None
    except postgresql.ProgramFailed as failed:
        raise CannotBackUp(str(failed)) from None
    return target


def files_below(folder: Path) -> Iterator[Path]:
    """In order; what goes while it is walked, as records are deleted, is left out. Raises OSError."""
    for place, folders, names in os.walk(folder, onerror=_unless_gone):
        folders[:] = sorted(set(folders) - {LOST_AND_FOUND})
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make(folder: Path, target: Path, with_secret_key: bool) -> None:
    snapshot, draft = folder / DATABASE, folder / "archive"
    applied = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    if not applied:
        raise CannotBackUp("There is nothing to back up: the database has no tables.")
    if connection.vendor == "postgresql":
        postgresql.dump(snapshot)
    else:
        sqlite.copy(Path(connection.settings_dict["NAME"]), snapshot)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    draft.touch(mode=0o600)
    writer = Writer(draft, target.name)
    writer.add_bytes(MANIFEST, described(Manifest(made, connection.vendor, applied)))
    writer.add_file(DATABASE, snapshot)
    uploads = Path(settings.MEDIA_ROOT)
    for path in files_below(uploads):
        writer.add_file(f"{UPLOADS}/{path.relative_to(uploads).as_posix()}", path)
    if with_secret_key:
        writer.add_bytes(SECRET_KEY, settings.SECRET_KEY.encode() + b"\n")
    writer.close()
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.rename(target)
