"""The complete state of one battery's filter as bytes: what is written now is read again for ever."""

import math
import struct
from dataclasses import dataclass, field
from typing import Self

from energykit.errors import BadCheckpoint
from energykit.ukf.covariance import packed_length
from energykit.ukf.layout import Layout

MAGIC = b"UKFJ"
VERSION = 1
HEAD = struct.Struct("<4sHHBB2x")  # magic, version, states, whether the first control was seen, lack of hysteresis
COUNTS = struct.Struct("<5Q")
CONTROL = struct.Struct("<2d")


@dataclass
class Counts:
    """How many rows went which way, since the filter began."""

    stepped: int = 0
    not_finite: int = 0
    backwards: int = 0
    diverged: int = 0
    repaired: int = 0  # steps after which the covariance had to be made positive definite again


@dataclass
class FilterState:
    """Where one battery's filter stands; before the first control, time and current mean nothing."""

    mean: list[float]
    covariance: list[float]
    layout: Layout
    has_control: bool = False
    time: float = 0.0
    current: float = 0.0
    counts: Counts = field(default_factory=Counts)

    def to_bytes(self) -> bytes:
        counts = self.counts
        return b"".join(
            (
                HEAD.pack(MAGIC, VERSION, len(self.mean), self.has_control, not self.layout.has_hysteresis),
                COUNTS.pack(counts.stepped, counts.not_finite, counts.backwards, counts.diverged, counts.repaired),
                CONTROL.pack(self.time, self.current),
                struct.pack(f"<{len(self.mean)}d", *self.mean),
                struct.pack(f"<{len(self.covariance)}d", *self.covariance),
            )
        )

    @classmethod
    def from_bytes(cls, blob: bytes, layout: Layout) -> Self:
        """Raises BadCheckpoint unless this is a whole and finite checkpoint of a filter with these states."""
        states = layout.states
        floats = states + packed_length(states)
        if len(blob) < HEAD.size or blob[:4] != MAGIC:
            raise BadCheckpoint("These bytes are no checkpoint of the joint filter.")
        _, version, found, has_control, lacks_hysteresis = HEAD.unpack_from(blob)
        if version != VERSION:
            raise BadCheckpoint(f"This checkpoint has version {version}; this program reads version {VERSION}.")
        if found != states:
            raise BadCheckpoint(f"This checkpoint is of a filter with {found} states, this battery's has {states}.")
        if bool(lacks_hysteresis) is layout.has_hysteresis:
            with_or_without = "without" if lacks_hysteresis else "with"
            raise BadCheckpoint(f"This checkpoint is of a filter {with_or_without} hysteresis, unlike this battery's.")
        size = HEAD.size + COUNTS.size + CONTROL.size + 8 * floats
        if len(blob) != size:
            raise BadCheckpoint(f"This checkpoint has {len(blob)} bytes instead of {size}: it is damaged.")
        counts = COUNTS.unpack_from(blob, HEAD.size)
        time, current = CONTROL.unpack_from(blob, HEAD.size + COUNTS.size)
        values = struct.unpack_from(f"<{floats}d", blob, size - 8 * floats)
        if not all(map(math.isfinite, (time, current, *values))):
            raise BadCheckpoint("This checkpoint holds values that are not finite: it is damaged.")
        mean, covariance = list(values[:states]), list(values[states:])
        return cls(mean, covariance, layout, bool(has_control), time, current, Counts(*counts))
