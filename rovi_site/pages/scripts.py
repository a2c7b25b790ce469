"""A script as people read it: numbered lines, the one that failed marked; and its libraries, then and now."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rovi_site.pages.numbers import UNKNOWN


@dataclass(frozen=True)
class Library:
    """`then` as the script was loaded, `now` in this installation."""

    name: str
    then: str
    now: str

    @property
    def has_changed(self) -> bool:
        return self.now not in (self.then, UNKNOWN)


def libraries_of(then: Mapping[str, str]) -> list[Library]:
    return [Library(name, str(known), _installed(name)) for name, known in sorted(then.items())]


def _installed(name: str) -> str:
    if name.lower() == "python":
        return platform.python_version()
    try:
        return version(name)
    except (PackageNotFoundError, ValueError):  # a name that no library can have
        return UNKNOWN
