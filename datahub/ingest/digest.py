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
def _packer(names: tuple[str, ...], formats: tuple[str, ...]) -> tuple[Callable[[], Any], Callable[..., bytes]]:
    """What begins the digest of a row with these columns, and what packs its values."""
    header = blake2b("\0".join(names).encode(), digest_size=8).digest()
    begun = blake2b(header, digest_size=8)
    return begun.copy, struct.Struct("<" + "".join(formats)).pack  # a copy costs 0.1 µs less than to begin anew


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
        found = [_digest_without_nulls(names, formats, row) for row in zip(*slots, strict=True)]
    else:
        begin, pack = _packer(names, formats)
        found = []
        for packed in map(pack, *slots) if slots else repeat(b"", rows):
            digest = begin()
            digest.update(packed)
            found.append(digest.digest())
    return list(struct.unpack(f"<{rows}q", b"".join(found)))


def _digest_without_nulls(names: tuple[str, ...], formats: tuple[str, ...], row: Sequence[Any]) -> bytes:
    there = [i for i, value in enumerate(row) if value is not None]
    begin, pack = _packer(tuple(names[i] for i in there), tuple(formats[i] for i in there))
    digest = begin()
    digest.update(pack(*[row[i] for i in there]))
    found: bytes = digest.digest()
    return found
