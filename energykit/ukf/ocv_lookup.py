"""OCV tables of many batteries, looked up at once, or of one battery in plain floats, with the same bits."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from energykit.ocv import WIDEST_SOC, OcvTable, Segment

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

CELLS_PER_SOC = (16, 32, 64)  # as few as part the breaks of all tables, else the most; powers of two: exact products


def lookup_of_one(table: OcvTable) -> Callable[[Sequence[float]], list[float]]:
    breaks, segments = table.breaks, table.segments

    def voltages_at(wanted: Sequence[float]) -> list[float]:
        return [segments[bisect_right(breaks, each)].at(each) for each in wanted]

    return voltages_at


class PackedTables:
    """The distinct tables of a fleet, one under the other; equal tables are stored once.

    The range of SOC is cut into cells of equal width. `guide` says of each at which segment it begins, and the breaks
    within it (mostly one at most) are searched in halves. Which cell a SOC is in never falls as the SOC rises, however
    it is rounded: so breaks in lower cells lie below it and those in higher ones above, and what is found is exact.
    """

    def __init__(self, tables: Sequence[OcvTable]) -> None:
        places = {table: place for place, table in enumerate(dict.fromkeys(tables))}
        lowest, highest = WIDEST_SOC
        for self.cells_per_soc in CELLS_PER_SOC:
            self.last_cell = int(highest - lowest) * self.cells_per_soc - 1
            cells = [_cells(np.array(table.breaks), self.cells_per_soc, self.last_cell) for table in places]
            most_in_a_cell = max((int(np.bincount(each).max()) for each in cells if len(each)), default=0)
            if most_in_a_cell <= 1:
                break
        self.halvings = most_in_a_cell.bit_length()
        width = max(len(table.breaks) for table in places) + 2**self.halvings
        breaks = np.full((len(places), width), np.inf)  # padding is never passed: no finite SOC lies at or above it
        segments = np.zeros((len(Segment._fields), len(places), width))
        guide = np.empty((len(places), self.last_cell + 1), dtype=np.intp)
        for (table, place), of_breaks in zip(places.items(), cells, strict=True):
            breaks[place, : len(table.breaks)] = table.breaks
            segments[:, place, : len(table.segments)] = np.transpose(table.segments)
            guide[place] = place * width + np.searchsorted(of_breaks, np.arange(self.last_cell + 1))
        self.breaks, self.guide = breaks.ravel(), guide.ravel()
        self.soc, self.voltage, self.slope, self.bend, self.twist = segments.reshape(len(segments), -1)
        self.is_cubic = any(table.is_cubic for table in places)
        self.starts = np.array([places[table] * (self.last_cell + 1) for table in tables], dtype=np.intp)

    def voltages_at(self, asked: Floats, starts: Places, room: "LookupRoom") -> Floats:
        """OCV at SOC values (points, batteries) of batteries whose tables' guides begin there; in the room's array."""
        self._find_segments(asked, starts, room)
        x = np.subtract(asked, self._taken(self.soc, room, room.found), out=room.x)
        slope = self._taken(self.slope, room, room.slope)
        if self.is_cubic:  # of a straight table among them, bend and twist add exact zeros
            curved = np.multiply(self._taken(self.twist, room, room.found), x, out=room.found)
            np.add(curved, self._taken(self.bend, room, room.extra), out=curved)
            np.multiply(curved, x, out=curved)
            np.add(slope, curved, out=slope)
        np.multiply(x, slope, out=slope)
        return np.add(slope, self._taken(self.voltage, room, room.found), out=slope)

    def _find_segments(self, asked: Floats, starts: Places, room: "LookupRoom") -> None:
        segment, probe = room.segment, room.probe
        _into_cells(asked, self.cells_per_soc, self.last_cell, room.x)
        np.copyto(probe, room.x, casting="unsafe")  # what is no number ends anywhere, and stays no number
        np.add(probe, starts, out=probe)
        self.guide.take(probe, out=segment, mode="clip")
        for halving in range(self.halvings - 1, -1, -1):
            half = 1 << halving
            np.add(segment, half - 1, out=probe)
            self.breaks.take(probe, out=room.found, mode="clip")
            np.greater_equal(asked, room.found, out=room.beyond)
            np.multiply(room.beyond, half, out=probe)
            np.add(segment, probe, out=segment)

    def _taken(self, values: Floats, room: "LookupRoom", out: Floats) -> Floats:
        return values.take(room.segment, out=out, mode="clip")  # nothing is out of bounds; other modes make a copy


def _into_cells(soc: Floats, cells_per_soc: int, last: int, out: Floats) -> Floats:
    """The number of each one's cell, and how far it is in it as a fraction."""
    np.multiply(soc, float(cells_per_soc), out=out)
    np.subtract(out, WIDEST_SOC[0] * cells_per_soc, out=out)
    np.maximum(out, 0.0, out=out)
    return np.minimum(out, float(last), out=out)


def _cells(soc: Floats, cells_per_soc: int, last: int) -> Places:
    return _into_cells(soc, cells_per_soc, last, np.empty_like(soc)).astype(np.intp)


class LookupRoom:
    """Arrays to compute in, of one shape (points, batteries)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.x, self.found, self.slope, self.extra = (np.empty(shape) for _ in range(4))
        self.segment, self.probe = (np.empty(shape, dtype=np.intp) for _ in range(2))
        self.beyond = np.empty(shape, dtype=bool)
