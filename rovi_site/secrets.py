"""Secrets that are made once and kept in the data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, length: int = 50) -> str:
    """The secret in `path`; made there at the first call. Two processes that make it at once agree on one."""
    try:
        found = path.read_text(encoding="utf-8").strip()
        if found:
            return found
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = secrets.token_urlsafe(length)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh + "\n", encoding="utf-8")
    try:
        os.link(draft, path)  # fails where another process was first; then its secret is the one
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()
