"""Series for charts: nothing is drawn where nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

GAP_STEPS = 3.0
SEEN_SHARE = 0.01  # of what is shown


def gap_after(times: Sequence[float]) -> list[int]:
    """Places after which a gap lies: a step over three times the usual one, and over three times both its neighbours.

    The second condition is for records that are dense in a cycle and sparse at rest, where each step of the rest would
    else be a gap. A gap below a hundredth of what is shown would not be seen; opening it would only fray the line.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    if len(steps) < 3:
        return []
    least = max(GAP_STEPS * median(steps), SEEN_SHARE * (times[-1] - times[0]))
    around = [0.0, *steps, 0.0]
    return [
        place
        for place, step in enumerate(steps)
        if step > least and step > GAP_STEPS * max(around[place], around[place + 2])
    ]


def with_gaps(times: Sequence[float], *columns: Sequence[float | None]) -> list[list[float | None]]:
    """Times and columns with a point of None in each gap, and None for what is not finite."""
    gaps = set(gap_after(times))
    shown: list[list[float | None]] = [[] for _ in range(1 + len(columns))]
    for place, moment in enumerate(times):
        shown[0].append(moment)
        for target, column in zip(shown[1:], columns, strict=True):
            target.append(_finite(column[place]))
        if place in gaps:
            shown[0].append((moment + times[place + 1]) / 2)
            for target in shown[1:]:
                target.append(None)
    return shown


def finite(values: Sequence[float | None]) -> list[float | None]:
    return [_finite(value) for value in values]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
