"""Which libraries the built-in filter is stepped with, for those who ask where an estimate comes from."""

from __future__ import annotations

import platform
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"


@cache
def own_libraries() -> dict[str, str]:
    """Of this process: name to version."""
    return {"numpy": metadata.version("numpy"), "python": platform.python_version(), "rovi": _own_version()}


def _own_version() -> str:
    try:
        return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"
