"""Time in bands of SOC, from the estimates of one estimator."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from energykit.measuring.checkpoint import from_bytes, numbers_of, refill, to_bytes
from energykit.measuring.rules import SOC_EDGES


@dataclass
class SocBands:
    """Seconds in each band: an interval goes by the mean SOC of both its ends; one longer than a gap does not count.

    Band k lies between edges k − 1 and k. An SOC below 0 or above 1 counts to the outermost band.
    """

    time: float = math.nan  # of the newest estimate, s
    soc: float = math.nan
    estimates: int = 0
    seconds: list[float] = field(default_factory=lambda: [0.0] * (len(SOC_EDGES) + 1))

    def add(self, times: NDArray[np.float64], socs: NDArray[np.float64], gap_seconds: float) -> None:
        """Estimates in order of time, (k,) each; the same bits however they are cut into calls."""
        before, soc_before, bands = self.time, self.soc, self.seconds
        for time, soc in zip(times.tolist(), socs.tolist(), strict=True):
            if time - before <= gap_seconds:  # not so with the NaN of the first
                bands[bisect_right(SOC_EDGES, 0.5 * (soc_before + soc))] += time - before
            before, soc_before = time, soc
        self.time, self.soc = before, soc_before
        self.estimates += len(times)

    def to_bytes(self) -> bytes:
        return to_bytes(numbers_of(self))

    @classmethod
    def from_bytes(cls, blob: bytes) -> Self:
        bands = cls()
        if blob:
            refill(bands, from_bytes(blob, len(numbers_of(bands))))
        return bands
