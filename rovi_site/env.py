"""Settings from the environment: each variable is declared once, read once, typed, and stops loudly when it is wrong.

`VARIABLES` fills as settings are read, so that a test can hold the table in docs/settings.md against it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class WrongSetting(SystemExit):
    """A variable of the environment cannot be read: the sentence says which, why, and what it takes."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(
            f"{name}={value!r} cannot be used: it takes {expected}. Set it so, or unset it for the default."
        )


@dataclass(frozen=True)
class Variable:
    name: str
    default: str
    meaning: str


VARIABLES: dict[str, Variable] = {}


def text(name: str, default: str, meaning: str) -> str:
    return _read(name, default, meaning, str, "text")


def integer(name: str, default: int, meaning: str, at_least: int = 0) -> int:
    def parse(value: str) -> int:
        number = int(value)
        if number < at_least:
            raise ValueError
        return number

    return _read(name, default, meaning, parse, f"a whole number of at least {at_least}")


def seconds(name: str, default: float, meaning: str) -> float:
    def parse(value: str) -> float:
        number = float(value)
        if not 0 <= number < float("inf"):
            raise ValueError
        return number

    return _read(name, default, meaning, parse, "a number of seconds, 0 or more")


def switch(name: str, default: bool, meaning: str) -> bool:
    words = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}

    def parse(value: str) -> bool:
        if value.lower() not in words:
            raise ValueError
        return words[value.lower()]

    return _read(name, default, meaning, parse, "on or off")


def choice(name: str, default: str, meaning: str, among: tuple[str, ...]) -> str:
    def parse(value: str) -> str:
        if value not in among:
            raise ValueError
        return value

    return _read(name, default, meaning, parse, "one of " + ", ".join(among))


def words(name: str, default: tuple[str, ...], meaning: str) -> tuple[str, ...]:
    """A list separated by commas."""
    return _read(
        name,
        default,
        meaning,
        lambda value: tuple(part.strip() for part in value.split(",") if part.strip()),
        "words separated by commas",
    )


def folder(name: str, default: Path, meaning: str) -> Path:
    return _read(name, default, meaning, lambda value: Path(value).expanduser().resolve(), "a path of a folder")


def _read(name: str, default: T, meaning: str, parse: Callable[[str], T], expected: str) -> T:
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    VARIABLES[name] = Variable(name, shown, meaning)
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return parse(value)
    except ValueError:
        raise WrongSetting(name, value, expected) from None
