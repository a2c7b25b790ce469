"""What of a cycle's charge and energy comes back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A cycle that took in and gave out less alike than this did not come back to where it began: then the ratio tells of
# that and not of losses.
LEAST_LIKENESS = 0.95


def efficiency(
    given: ArrayLike, taken: ArrayLike, *, discharge_ah: ArrayLike, charge_ah: ArrayLike, gap_seconds: ArrayLike
) -> NDArray[np.float64]:
    """`given` over `taken`, of charge or of energy, cycle by cycle; NaN where a cycle cannot tell.

    It cannot where part of it lies in a gap, or where the smaller of its charges is below 95 % of the larger.

    >>> efficiency([7.0, 5.0], [8.0, 8.0], discharge_ah=[1.98, 1.6], charge_ah=[2.0, 2.0], gap_seconds=[0, 0]).tolist()
    [0.875, nan]
    """
    out, into = np.asarray(discharge_ah, dtype=np.float64), np.asarray(charge_ah, dtype=np.float64)
    can_tell = (np.minimum(out, into) >= LEAST_LIKENESS * np.maximum(out, into)) & (into > 0)
    can_tell &= np.asarray(gap_seconds) == 0
    unknown = np.full(can_tell.shape, np.nan)
    found: NDArray[np.float64] = np.divide(np.asarray(given, dtype=np.float64), taken, out=unknown, where=can_tell)
    return found
