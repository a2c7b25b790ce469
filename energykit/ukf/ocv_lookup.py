"""OCV tables of many batteries, looked up at once, or of one battery in plain floats, with the same bits."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from energykit.ocv import OcvTable, Segment

Floats = NDArray[np.float64]


def lookup_of_one(table: OcvTable) -> Callable[[Sequence[float]], list[float]]:
    breaks, segments = table.breaks, table.segments

    def voltages_at(wanted: Sequence[float]) -> list[float]:
        return [segments[bisect_right(breaks, each)].at(each) for each in wanted]

    return voltages_at


class PackedTables:
    """The distinct tables of a fleet, one under the other; equal tables are stored once."""

    def __init__(self, tables: Sequence[OcvTable]) -> None:
        places = {table: place for place, table in enumerate(dict.fromkeys(tables))}
        self.halvings = max(len(table.breaks) for table in places).bit_length()
        width = 2**self.halvings
        breaks = np.full((len(places), width), np.inf)  # padding is never reached: no finite SOC lies at or above it
        segments = np.zeros((len(Segment._fields), len(places), width))
        for table, place in places.items():
            breaks[place, : len(table.breaks)] = table.breaks
            segments[:, place, : len(table.segments)] = np.transpose(table.segments)
        self.breaks = breaks.ravel()
        self.soc, self.voltage, self.slope, self.bend, self.twist = segments.reshape(len(segments), -1)
        self.is_cubic = any(table.is_cubic for table in places)
        self.starts = np.array([places[table] * width for table in tables], dtype=np.intp)

    def lookup_of(self, batteries: NDArray[np.intp]) -> Callable[[Sequence[Floats]], list[Floats]]:
        """Looks up for these batteries, in this order; a row of the answer for each row asked.

        Answers are overwritten by the next look: all is computed in place, because new arrays of this size make the
        allocator give memory back and ask for it again in every step, which took two thirds of the time.
        """
        starts, room_of = self.starts[batteries], lru_cache(maxsize=1)(_Room)

        def voltages_at(wanted: Sequence[Floats]) -> list[Floats]:
            room = room_of((len(wanted), len(starts)))
            x = np.stack(wanted, out=room.asked)
            self._find_segments(room, starts)
            np.subtract(x, self._taken(self.soc, room, room.found), out=x)
            slope = self._taken(self.slope, room, room.slope)
            if self.is_cubic:  # of a straight table among them, bend and twist add exact zeros
                curved = np.multiply(self._taken(self.twist, room, room.found), x, out=room.found)
                curved += self._taken(self.bend, room, room.extra)
                curved *= x
                slope += curved
            voltage = np.multiply(x, slope, out=slope)
            voltage += self._taken(self.voltage, room, room.found)
            return list(voltage)

        return voltages_at

    def _find_segments(self, room: "_Room", starts: NDArray[np.intp]) -> None:
        """Binary search, all points abreast."""
        segment, probe = room.segment, room.probe
        segment[:] = starts
        for halving in range(self.halvings - 1, -1, -1):
            half = 1 << halving
            np.add(segment, half - 1, out=probe)
            self.breaks.take(probe, out=room.found, mode="clip")
            np.greater_equal(room.asked, room.found, out=room.beyond)
            np.multiply(room.beyond, half, out=probe)
            segment += probe

    def _taken(self, values: Floats, room: "_Room", out: Floats) -> Floats:
        return values.take(room.segment, out=out, mode="clip")  # nothing is out of bounds; other modes make a copy


class _Room:
    """Arrays to compute in, of one shape (points, batteries)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.asked, self.found, self.slope, self.extra = (np.empty(shape) for _ in range(4))
        self.segment, self.probe = (np.empty(shape, dtype=np.intp) for _ in range(2))
        self.beyond = np.empty(shape, dtype=bool)
