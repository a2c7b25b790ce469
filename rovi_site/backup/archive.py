"""The archive: a tar file of a manifest, the database's snapshot, the uploads, and the checksums of all of them, last.

Its members are read once, while they are written, so that a checksum is of what is in the archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

from rovi_site.backup.errors import CannotRestore

FORMAT = 1
MANIFEST, CHECKSUMS = "manifest.json", "checksums.json"
DATABASE, UPLOADS, SECRET_KEY = "database", "uploads", "secret_key"
MODES = {".gz": "gz", ".tgz": "gz", ".xz": "xz"}


@dataclass(frozen=True)
class Manifest:
    """`migrations` are those applied to the database, as "app.name"; `made` is UTC."""

    made: str
    vendor: str
    migrations: list[str]
    format: int = FORMAT

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises CannotRestore for what is none, or one of a later format."""
        try:
            told = json.loads(text)
            if told["format"] > FORMAT:
                raise CannotRestore("This backup was made by a later version of ROVI. Install that one first.")
            return cls(told["made"], told["vendor"], list(told["migrations"]), told["format"])
        except (ValueError, KeyError, TypeError):
            raise CannotRestore(f"Its {MANIFEST} cannot be read: this is no backup of ROVI.") from None


class Writer:
    """Adds members to a tar file, compressed where its name ends so, and their checksums when it is closed."""

    def __init__(self, path: Path, name: str) -> None:
        """`name` is what the file will be called: its ending tells how it is compressed."""
        mode: Any = f"w:{MODES.get(Path(name).suffix, '')}"
        self._tar = tarfile.open(path, mode)  # noqa: SIM115  (closed by `close`)
        self._checksums: dict[str, str] = {}

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> bool:
        """False for a file that is gone by now."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            self._add(name, file, os.fstat(file.fileno()).st_size)
        return True

    def close(self) -> None:
        self.add_bytes(CHECKSUMS, json.dumps(self._checksums).encode())
        self._tar.close()

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        reader = _Hashing(file)
        self._tar.addfile(member, reader)  # type: ignore[arg-type]  # it only reads
        self._checksums[name] = reader.digest.hexdigest()


class _Hashing:
    """A file that is digested while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.digest.update(content)
        return content


def manifest_of(path: Path) -> Manifest:
    """Raises CannotRestore."""
    try:
        with tarfile.open(path) as tar:
            first = tar.next()
            file = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
            if file is None:
                raise CannotRestore(f"{path} is no backup of ROVI.")
            return Manifest.from_json(file.read())
    except (OSError, tarfile.TarError, EOFError) as error:
        raise CannotRestore(f"{path} cannot be read: {error}.") from None


def unpack(path: Path, folder: Path) -> None:
    """All of it into a folder, checked against its checksums; raises CannotRestore."""
    try:
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
        told = json.loads((folder / CHECKSUMS).read_bytes())
    except (OSError, ValueError, EOFError, tarfile.TarError) as error:
        raise CannotRestore(f"{path} is cut short or damaged: {error}.") from None
    found = {name: digest for name, digest in _digests(folder) if name != CHECKSUMS}
    if wrong := sorted(name for name in found.keys() | told.keys() if found.get(name) != told.get(name)):
        raise CannotRestore(f"{path} is damaged: {wrong[0]} is not what was backed up.")


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                yield path.relative_to(folder).as_posix(), hashlib.file_digest(file, "sha256").hexdigest()


def described(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), indent=2).encode()
