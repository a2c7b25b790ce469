"""A database as `migrate` leaves an empty one: made once, and copied for the servers and workers that tests start."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NAME = "rovi.sqlite3"


def put_migrated(data: Path) -> None:
    """Into a data folder that has no database; there `migrate` finds nothing to do, which saves it some seconds."""
    if not (data / NAME).exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(_migrated(), data / NAME)


@cache
def _migrated() -> Path:
    """Kept in the machine's folder for temporary files, by what makes it: also other processes and runs take it."""
    kept = Path(tempfile.gettempdir()) / f"rovi-tests-{os.getuid()}"
    kept.mkdir(mode=0o700, exist_ok=True)
    found = kept / f"{_digest()}.sqlite3"
    if not found.exists():
        with tempfile.TemporaryDirectory(dir=kept) as data:
            ours = {"ROVI_DATA": data, "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "rovi_site.settings"}
            others = {name: value for name, value in os.environ.items() if not name.startswith(("ROVI_", "PYTEST"))}
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, cwd=PROJECT, env={**others, **ours}, check=True, capture_output=True, timeout=300)
            (Path(data) / NAME).replace(found)  # whole, or not there, also where two make it at once
    return found


def _digest() -> str:
    """Of all migrations and of Django."""
    digest = hashlib.sha256(metadata.version("django").encode())
    for path in sorted(PROJECT.glob("*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update((PROJECT / "access" / "granting.py").read_bytes())  # which grants what roles may, after migrating
    return digest.hexdigest()[:16]
