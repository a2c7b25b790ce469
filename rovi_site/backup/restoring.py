"""Put a backup back. What was there is moved aside, never deleted, and moved back where anything goes wrong."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader

from jobs.queries import any_worker_is_alive
from rovi_site.backup import postgresql, sqlite
from rovi_site.backup.archive import DATABASE, SECRET_KEY, UPLOADS, Manifest, manifest_of, unpack
from rovi_site.backup.errors import CannotRestore
from rovi_site.backup.making import LOST_AND_FOUND, files_below
from rovi_site.env import CannotStart
from rovi_site.serving.preparation import migrate, prepare_folder

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Restored:
    """`aside` says where what was there before lies now; empty: there was nothing."""

    manifest: Manifest
    aside: str
    with_secret_key: bool


@dataclass
class Steps:
    """What was done so far, each with its undoing."""

    undoing: list[Callable[[], None]] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.move(source, target)  # which may lie on another disk
            self.undoing.append(lambda: _move_again(target, source))

    def move_contents(self, source: Path, target: Path) -> None:
        """The folder itself stays: it may be the root of a disk of its own."""
        for path in sorted(source.iterdir()) if source.exists() else ():
            if path.name != LOST_AND_FOUND:
                self.move(path, target / path.name)

    def undo(self) -> None:
        """All of them; raises CannotRestore, which names those that could not be undone."""
        failed = []
        for step in reversed(self.undoing):
            try:
                step()
            except (OSError, sqlite3.Error, *postgresql.REFUSALS) as error:  # the others are undone all the same
                failed.append(str(error))
        if failed:
            told = "; ".join(failed)
            raise CannotRestore(
                f"The backup could not be put in place, and not all of what was there is back: {told}. The rest lies "
                "beside it, under the name before-restore."
            )


def restore(path: Path, *, replace: bool = False) -> Restored:
    """Only while nobody uses the installation, and over one that is not empty only with `replace`.

    A backup of an earlier version is brought up to date; one of a later version is refused. Raises CannotRestore.
    """
    manifest = manifest_of(path)
    _check_versions(manifest)
    try:
        with prepare_folder(settings.ROVI_DATA):
            return _restore_alone(path, manifest, replace)
    except CannotStart as occupied:
        raise CannotRestore(str(occupied)) from None


def _restore_alone(path: Path, manifest: Manifest, replace: bool) -> Restored:
    is_empty = not _has_anything()
    if not is_empty:
        _check_nobody_works()
    if not is_empty and not replace:
        raise CannotRestore(
            "This installation is not empty. With --replace its database and files are moved aside, and the backup "
            "takes their place."
        )
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    aside = settings.ROVI_DATA / f"before-restore-{stamp}"
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.ROVI_DATA) as staged:
        new = Path(staged)
        unpack(path, new)
        if manifest.vendor == "postgresql":
            _check_loading(new / DATABASE)
        try:
            where = _put_database(new / DATABASE, aside, f"before_restore_{stamp}", steps)
            steps.move_contents(Path(settings.MEDIA_ROOT), aside / UPLOADS)
            steps.move_contents(new / UPLOADS, Path(settings.MEDIA_ROOT))
            with_secret_key = (new / SECRET_KEY).exists()
            if with_secret_key:
                steps.move(settings.ROVI_DATA / "secret_key", aside / SECRET_KEY)
                steps.move(new / SECRET_KEY, settings.ROVI_DATA / "secret_key")
            migrate()
        except BaseException as error:  # Ctrl-C, too, leaves all as it was
            connections.close_all()
            steps.undo()
            if isinstance(error, (OSError, CannotStart, sqlite3.Error, *postgresql.REFUSALS)):
                raise CannotRestore(f"The backup could not be put in place, and all is as it was: {error}") from None
            raise
    if connection.vendor == "postgresql" and is_empty:
        postgresql.drop_empty(f"before_restore_{stamp}")
    return Restored(manifest, "" if is_empty else where, with_secret_key)


# --- what is checked first -----------------------------------------------------------------------------------------
def _check_versions(manifest: Manifest) -> None:
    if manifest.vendor != connection.vendor:
        raise CannotRestore(
            f"This is a backup of {NAMES.get(manifest.vendor, manifest.vendor)}, and the database here is "
            f"{NAMES[connection.vendor]}. Set DATABASE_URL to one of its own kind."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.migrations) - known):
        raise CannotRestore(
            f"This backup was made by a later version of ROVI: its migration {unknown[0]} is not known here. Install "
            "that version first."
        )


def _check_loading(snapshot: Path) -> None:
    try:
        postgresql.check_loading(snapshot)
    except postgresql.ProgramFailed as wrong:
        raise CannotRestore(str(wrong)) from None


def _check_nobody_works() -> None:
    with suppress(DatabaseError):  # no tables yet
        if any_worker_is_alive():
            raise CannotRestore(
                "A worker is alive, or was half a minute ago. Stop the service and its workers, and try again."
            )
    if connection.vendor == "postgresql" and (others := postgresql.other_connections()):
        raise CannotRestore(
            f"{others} other connections use the database. Stop the service and its workers, and try again."
        )


def _has_anything() -> bool:
    if any(files_below(Path(settings.MEDIA_ROOT))):
        return True
    if connection.vendor == "postgresql":
        return postgresql.has_tables()
    try:
        return sqlite.has_tables(Path(connection.settings_dict["NAME"]))
    except sqlite3.Error:
        return True


# --- the database --------------------------------------------------------------------------------------------------
def _put_database(new: Path, aside: Path, schema: str, steps: Steps) -> str:
    """Returns where the old one is."""
    if connection.vendor == "postgresql":
        postgresql.move_aside(schema)
        steps.undoing.append(lambda: postgresql.move_back(schema))
        connections.close_all()
        postgresql.load(new)
        return f"the schema {schema} of the database, and {aside}"
    if wrong := sqlite.check(new):
        raise CannotRestore(f"The database in the backup is damaged ({wrong}).")
    database = Path(connection.settings_dict["NAME"])
    connections.close_all()
    if database.exists():
        sqlite.settle(database)
    for ending in sqlite.BESIDE:
        steps.move(Path(f"{database}{ending}"), aside / f"{database.name}{ending}")
    steps.move(new, database)
    return str(aside)


def _move_again(source: Path, target: Path) -> None:
    """Over what a step after it has made there."""
    if target.is_dir():
        shutil.rmtree(target)
    shutil.move(source, target)
