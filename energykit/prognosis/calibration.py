"""Bands made as wide as forecasts from earlier days have shown them to have to be."""

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

MOST_OFTEN = 0.9  # the share of back-tested errors that scaled bands must hold
NORMAL_90 = 1.6449
TRIES_BEFOREHAND = 2.0  # it starts as if so many origins had found the bands right
BOUNDS = (0.5, 4.0)
FEWEST_TO_NARROW = 12  # estimates: with fewer a back-test may widen bands, never narrow them
PARTS_OF_HORIZON = 3


def scales(size: Column, horizon_s: Column, origins: int, estimates: int) -> tuple[Column, Column]:
    """Seconds ahead, and the factor for bands there that makes them hold most errors of the back-test.

    size: errors over their forecast deviations, with their horizons; from so many origins and estimates in all.
    Split conformal prediction on normalised errors (Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094) by thirds of the
    horizon; beyond the longest one the last factor stays. Errors of one origin are alike, so what they say is drawn
    towards 1.
    """
    order = np.argsort(horizon_s)
    parts = [part for part in np.array_split(order, PARTS_OF_HORIZON) if len(part)]
    found = np.array([np.quantile(size[part], MOST_OFTEN) / NORMAL_90 for part in parts])
    scale = (origins * found + TRIES_BEFOREHAND) / (origins + TRIES_BEFOREHAND)
    lowest = BOUNDS[0] if estimates >= FEWEST_TO_NARROW else 1.0
    return np.array([np.mean(horizon_s[part]) for part in parts]), np.clip(scale, lowest, BOUNDS[1])
