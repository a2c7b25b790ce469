"""OCV tables of many batteries, looked up at once, or of one battery in plain floats, with the same bits."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from energykit.ocv import OcvTable

Floats = NDArray[np.float64]


def lookup_of_one(table: OcvTable) -> Callable[[Sequence[float]], list[float]]:
    inner, slopes, soc, voltage = table.inner_knots, table.slopes, table.soc, table.voltage

    def voltages_at(wanted: Sequence[float]) -> list[float]:
        segments = [bisect_right(inner, each) for each in wanted]
        return [
            slopes[segment] * (each - soc[segment]) + voltage[segment]
            for each, segment in zip(wanted, segments, strict=True)
        ]

    return voltages_at


class PackedTables:
    """The distinct tables of a fleet, one under the other; equal tables are stored once."""

    def __init__(self, tables: Sequence[OcvTable]) -> None:
        places = {table: place for place, table in enumerate(dict.fromkeys(tables))}
        most_inner = max(len(table.inner_knots) for table in places)
        self.halvings = most_inner.bit_length()
        self.width = 2**self.halvings
        shape = (len(places), self.width)
        self.inner = np.full(shape, np.inf)  # padding is never reached: no finite SOC lies at or above it
        self.soc, self.voltage, self.slopes = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for table, place in places.items():
            self.inner[place, : len(table.inner_knots)] = table.inner_knots
            self.slopes[place, : len(table.slopes)] = table.slopes
            self.soc[place, : len(table.slopes)] = table.soc[:-1]
            self.voltage[place, : len(table.slopes)] = table.voltage[:-1]
        self.starts = np.array([places[table] * self.width for table in tables], dtype=np.intp)

    def lookup_of(self, batteries: NDArray[np.intp]) -> Callable[[Sequence[Floats]], list[Floats]]:
        """Looks up for these batteries, in this order; a row of the answer for each row asked."""
        starts = self.starts[batteries]
        inner, slopes = self.inner.ravel(), self.slopes.ravel()
        soc, voltage = self.soc.ravel(), self.voltage.ravel()

        def voltages_at(wanted: Sequence[Floats]) -> list[Floats]:
            asked = np.stack(wanted)
            segment = np.broadcast_to(starts, asked.shape)
            for halving in range(self.halvings - 1, -1, -1):  # binary search for the segments, all points abreast
                half = 1 << halving
                segment = segment + half * (asked >= inner.take(segment + (half - 1)))
            return list(slopes.take(segment) * (asked - soc.take(segment)) + voltage.take(segment))

        return voltages_at
