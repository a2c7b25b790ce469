"""What makes two rows the same row: a digest of their content. No Django here.

The content is the set of (column, value) that are not NULL. So the order of keys, a column added later, and an integer
column that became one of floats leave the digest of a row as it was, and a client that sends a row again is recognised.
Stored digests depend on this file: changing what it computes would make every row that is sent again a new one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from typing import Any

EXACT_IN_A_DOUBLE = 2**53  # integers up to here are the same number as a double, and are digested as one

NUMBER = "d"
HASHED = "8s"


@lru_cache(maxsize=4096)
def hashed(text: str) -> bytes:
    """Eight bytes that stand for a text."""
    return blake2b(text.encode(), digest_size=8).digest()


def hashed_integer(number: int) -> bytes:
    """Eight bytes that stand for an integer: those of the double it is, or a hash where it may be none."""
    if -EXACT_IN_A_DOUBLE <= number <= EXACT_IN_A_DOUBLE:
        return struct.pack("<d", number)
    return blake2b(number.to_bytes(8, "little", signed=True), digest_size=8, person=b"integer").digest()


@lru_cache(maxsize=4096)
def _packer(names: tuple[str, ...], formats: tuple[str, ...]) -> tuple[bytes, Callable[..., bytes]]:
    header = blake2b("\0".join(names).encode(), digest_size=8).digest()
    return header, struct.Struct("<8s" + "".join(formats)).pack


def digests(
    names: Sequence[str], formats: Sequence[str], slots: Sequence[Sequence[Any]], rows: int, has_nulls: bool = False
) -> list[int]:
    """A signed 64-bit number a row.

    `slots` are columns of what stands for each value: a number (format `NUMBER`), eight bytes (`HASHED`) or None.
    """
    order = sorted(range(len(names)), key=lambda i: names[i])
    names = tuple(names[i] for i in order)
    formats = tuple(formats[i] for i in order)
    slots = [slots[i] for i in order]
    if has_nulls:
        packed = [_packed_without_nulls(names, formats, row) for row in zip(*slots, strict=True)]
    else:
        header, pack = _packer(names, formats)
        packed = list(map(pack, repeat(header, rows), *slots))
    return list(struct.unpack(f"<{rows}q", b"".join([blake2b(row, digest_size=8).digest() for row in packed])))


def _packed_without_nulls(names: tuple[str, ...], formats: tuple[str, ...], row: Sequence[Any]) -> bytes:
    there = [i for i, value in enumerate(row) if value is not None]
    header, pack = _packer(tuple(names[i] for i in there), tuple(formats[i] for i in there))
    return pack(header, *[row[i] for i in there])
