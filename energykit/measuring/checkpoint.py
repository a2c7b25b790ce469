"""The complete state of a meter as bytes: a list of doubles with a head."""

from __future__ import annotations

import struct
from dataclasses import fields
from typing import Any, TypeVar

from energykit.errors import BadCheckpoint

MAGIC = b"METR"
VERSION = 1
HEAD = struct.Struct("<4sHH")  # magic, version, how many doubles

T = TypeVar("T")


def numbers_of(part: Any) -> list[float]:
    """All fields of a dataclass of numbers and lists of numbers, in order. Whole numbers are below 2⁵³, so exact."""
    found: list[float] = []
    for each in fields(part):
        value = getattr(part, each.name)
        found.extend(value if isinstance(value, list) else [float(value)])
    return found


def refill(part: T, numbers: list[float]) -> T:
    """Takes what `numbers_of` gave from the front of `numbers` into a dataclass of the same kind."""
    for each in fields(part):  # type: ignore[arg-type]
        value = getattr(part, each.name)
        if isinstance(value, list):
            setattr(part, each.name, [numbers.pop(0) for _ in value])
        else:
            setattr(part, each.name, type(value)(numbers.pop(0)))
    return part


def to_bytes(numbers: list[float]) -> bytes:
    return HEAD.pack(MAGIC, VERSION, len(numbers)) + struct.pack(f"<{len(numbers)}d", *numbers)


def from_bytes(blob: bytes, expected: int) -> list[float]:
    """Raises BadCheckpoint unless it holds so many doubles, whole."""
    if len(blob) < HEAD.size or blob[:4] != MAGIC:
        raise BadCheckpoint("These bytes are no checkpoint of a meter.")
    _, version, count = HEAD.unpack_from(blob)
    if version != VERSION:
        raise BadCheckpoint(f"This checkpoint has version {version}; this program reads version {VERSION}.")
    if count != expected or len(blob) != HEAD.size + 8 * count:
        raise BadCheckpoint(f"This checkpoint has {len(blob)} bytes and should hold {expected} numbers: it is damaged.")
    return list(struct.unpack_from(f"<{count}d", blob, HEAD.size))
