"""What becomes of a window of rows when it is full: inside the band or outside, and on record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from energykit.consistency.bands import band_of_mean_nis, effective_rows
from energykit.consistency.columns import LIFE, RECORD, ROWS_OF_A_WINDOW, WINDOW
from energykit.consistency.evidence import Evidence, Floats

# One window in a hundred of a filter without fault is outside, half of those above. That 5 of 12 are happens to it
# once in 4e8 windows; it is marked then, and until 10 of the newest 12 windows in which charge moved are inside.
WINDOWS_LOOKED_AT = 12
WINDOWS_TO_MARK = 5
WINDOWS_TO_CLEAR = 2
# At rest a wrong model is right: such a window can be outside, but that it is inside says nothing.
LEAST_SHARE_OF_MEAN_THROUGHPUT = 0.2
FORGOTTEN_A_WINDOW = 1 / 32

_BITS_SET = np.array([bin(number).count("1") for number in range(1 << WINDOWS_LOOKED_AT)])

Places = NDArray[np.intp]


def close_windows(evidence: Evidence, sums: Floats, capacity: Floats, starts: Places, closed: Places) -> None:
    """Takes in each filter's windows that are full, one after the other; all filters abreast.

    `sums` (windows, sums) and `capacity` (windows,) hold the windows of filter after filter, from `starts` on.
    """
    for turn in range(int(closed.max(initial=0))):
        filters = np.flatnonzero(closed > turn)
        here = starts[filters] + turn
        _take_in(evidence, filters, sums[here], capacity[here])


def windows_set(register: Floats) -> NDArray[np.int_]:
    """How many of the newest windows have their bit set."""
    found: NDArray[np.int_] = _BITS_SET[register.astype(np.intp)]
    return found


def _take_in(evidence: Evidence, filters: Places, sums: Floats, capacity: Floats) -> None:
    table = evidence.table[filters]
    mine = Evidence(table)
    nis, lag = sums[:, WINDOW.index("nis")], sums[:, WINDOW.index("lag")]
    throughput = sums[:, len(WINDOW)]
    rows = effective_rows(np.full(len(filters), float(ROWS_OF_A_WINDOW)), lag / np.maximum(nis, 1e-300))
    mean = nis / ROWS_OF_A_WINDOW
    low, high = band_of_mean_nis(rows)
    above = mean > high

    table[:, LIFE] += sums[:, len(WINDOW) :]
    mine["windows"][:] += 1
    usual = mine["life throughput"] / mine["windows"]
    informs = (throughput > 0) & (throughput >= LEAST_SHARE_OF_MEAN_THROUGHPUT * usual)
    mine["newest"][:] = _shifted(mine["newest"], above)
    mine["newest_low"][:] = _shifted(mine["newest_low"], mean < low)
    mine["newest_informative"][informs] = _shifted(mine["newest_informative"][informs], above[informs])
    mine["informative"][:] += informs
    telling = informs | above
    table[telling, RECORD] *= 1.0 - FORGOTTEN_A_WINDOW
    table[telling, RECORD] += sums[telling, : len(WINDOW)]
    mine["window_nis"][:], mine["window_rows"][:] = mean, rows
    mine["newest_capacity"][:] = capacity
    mine["is_marked"][:] = _marked(mine)
    evidence.table[filters] = table


def _shifted(register: Floats, newest: NDArray[np.bool_]) -> Floats:
    return (2.0 * register + newest) % (1 << WINDOWS_LOOKED_AT)


def _marked(evidence: Evidence) -> NDArray[np.bool_]:
    above = windows_set(evidence["newest"])
    calm = is_calm(evidence)
    marked: NDArray[np.bool_] = (above >= WINDOWS_TO_MARK) | ((evidence["is_marked"] > 0) & ~calm)
    return marked


def is_calm(evidence: Evidence) -> NDArray[np.bool_]:
    """Whether enough windows in which charge moved were inside lately."""
    calm: NDArray[np.bool_] = (
        (evidence["informative"] >= WINDOWS_LOOKED_AT)
        & (windows_set(evidence["newest_informative"]) <= WINDOWS_TO_CLEAR)
        & (windows_set(evidence["newest"]) <= WINDOWS_TO_CLEAR)
    )
    return calm
