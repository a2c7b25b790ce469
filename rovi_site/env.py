"""Settings from the environment: each variable is declared once, read once, typed, and stops loudly when it is wrong.

`VARIABLES` fills as settings are read, so that a test can hold the table in docs/settings.md against it.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class CannotStart(SystemExit):
    """Nothing of the service can run as things are. Nobody catches it: the process ends with the sentence, status 1."""


class WrongSetting(CannotStart):
    """A variable of the environment cannot be read: the sentence says which, why, and what it takes."""

    def __init__(self, name: str, value: str | None, expected: str) -> None:
        given = name if value is None else f"{name}={value!r}"
        super().__init__(f"{given} cannot be used: it takes {expected}. Set it so, or unset it for the default.")


@dataclass(frozen=True)
class Variable:
    name: str
    default: str
    meaning: str


VARIABLES: dict[str, Variable] = {}


def text(name: str, default: str, meaning: str) -> str:
    return _read(name, default, meaning, str, "text")


def integer(name: str, default: int, meaning: str, at_least: int = 0, at_most: int | None = None) -> int:
    def parse(value: str) -> int:
        number = int(value)
        if number < at_least or (at_most is not None and number > at_most):
            raise ValueError
        return number

    bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    return _read(name, default, meaning, parse, f"a whole number {bounds}")


def seconds(name: str, default: float, meaning: str, at_least: float = 0.0) -> float:
    def parse(value: str) -> float:
        number = float(value)
        if not at_least <= number < float("inf"):
            raise ValueError
        return number

    return _read(name, default, meaning, parse, f"a number of seconds, {at_least:g} or more")


def days(name: str, meaning: str) -> float | None:
    """More than 0; None where it is not set."""

    def parse(value: str) -> float | None:
        number = float(value)
        if not 0 < number < float("inf"):
            raise ValueError
        return number

    return _read(name, None, meaning, parse, "a number of days, more than 0, or nothing")


def share(name: str, default: float, meaning: str) -> float:
    def parse(value: str) -> float:
        number = float(value)
        if not 0 < number < 1:
            raise ValueError
        return number

    return _read(name, default, meaning, parse, "a number between 0 and 1")


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


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(name: str, default: tuple[str, ...], meaning: str) -> tuple[Network, ...]:
    """Addresses (10.0.0.5) and networks (10.0.0.0/8), separated by commas."""
    named = words(name, default, meaning)
    try:
        return tuple(ipaddress.ip_network(each) for each in named)
    except ValueError:
        raise WrongSetting(name, ",".join(named), "addresses and networks (10.0.0.0/8) separated by commas") from None


def url(name: str, meaning: str, schemes: tuple[str, ...], example: str) -> str:
    """An address of one of `schemes`, or empty. It may hold a password, so an error's sentence does not repeat it."""

    def parse(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or (parts.port or 1) < 1:  # asking for the port is what checks it
            raise ValueError
        return value

    return _read(name, "", meaning, parse, example, is_secret=True)


def folder(name: str, default: Path, meaning: str) -> Path:
    return _read(name, default, meaning, lambda value: Path(value).expanduser().resolve(), "a path of a folder")


def _read(name: str, default: T, meaning: str, parse: Callable[[str], T], expected: str, is_secret: bool = False) -> T:
    shown = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
    if isinstance(default, bool):
        shown = "on" if default else "off"
    VARIABLES[name] = Variable(name, shown, meaning)
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return parse(value)
    except ValueError:
        raise WrongSetting(name, None if is_secret else value, expected) from None
