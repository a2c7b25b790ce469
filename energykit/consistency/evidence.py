"""What was seen of many filters' errors so far, a row of numbers each, and those numbers as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from energykit.consistency.columns import COLUMNS, PLACES

Floats = NDArray[np.float64]

MAGIC = b"CONS"
VERSION = 1
HEAD = struct.Struct("<4sH2x")
SIZE = HEAD.size + 8 * len(COLUMNS)


class Evidence:
    """A row of numbers for each of several filters (see columns.py)."""

    def __init__(self, table: Floats) -> None:
        self.table = table  # (filters, len(COLUMNS))

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, name: str) -> Floats:
        """A view: (filters,)"""
        return self.table[:, PLACES[name]]

    @classmethod
    def none(cls, filters: int) -> Evidence:
        """Of filters of which nothing was seen yet."""
        return cls(np.zeros((filters, len(COLUMNS))))

    @classmethod
    def read(cls, stored: Sequence[bytes | None]) -> Evidence:
        """From what was stored; nothing seen yet where there is none, or what another version of this has written."""
        evidence = cls.none(len(stored))
        for place, each in enumerate(stored):
            if each and len(each) == SIZE and HEAD.unpack_from(each) == (MAGIC, VERSION):
                evidence.table[place] = np.frombuffer(each, "<f8", offset=HEAD.size)
        return evidence

    def as_bytes(self) -> list[bytes]:
        """Of a fixed size, whatever was seen."""
        head = HEAD.pack(MAGIC, VERSION)
        return [head + each.tobytes() for each in self.table.astype("<f8")]
