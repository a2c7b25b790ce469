"""Secrets that are made once and kept in the data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from rovi_site.env import CannotStart

SHORTEST = 12  # characters; what is shorter was not made here


def kept_secret(path: Path, length: int = 50) -> str:
    """The secret in `path`; made there at the first call. Two processes that make it at once agree on one."""
    try:
        if not path.exists():
            _make(path, length)
        found = path.read_bytes()
    except OSError as error:
        raise CannotStart(
            f"{path} cannot be read or made ({error.strerror}). ROVI_DATA names the folder it is kept in: give the "
            "service a folder that it may write."
        ) from None
    return _read(path, found)


def _read(path: Path, found: bytes) -> str:
    try:
        secret = found.decode("ascii").strip()
    except UnicodeDecodeError:
        secret = ""
    if len(secret) < SHORTEST:
        raise CannotStart(
            f"{path} is damaged: it holds no secret. Put it back from a backup, or delete it to have a new one made "
            "(sessions then end, and people log in again)."
        )
    return secret


def _make(path: Path, length: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(length) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails where another process was first; then its secret is the one
    except FileExistsError:
        pass
    finally:
        draft.unlink()
