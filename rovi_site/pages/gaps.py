"""Series for charts: nothing is drawn where nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

GAP_STEPS = 3.0


def gap_after(times: Sequence[float]) -> list[int]:
    """Places after which a gap lies: the step is over three times the usual and over three times a long one.

    The second condition is for records that are dense in a cycle and sparse at rest, where a median step alone would
    call each rest a gap.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    if len(steps) < 3:
        return []
    ordered = sorted(steps)
    usual, long = median(ordered), ordered[int((len(ordered) - 1) * 0.95)]
    longest = GAP_STEPS * max(usual, long)
    return [place for place, step in enumerate(steps) if step > longest > 0]


def with_gaps(times: Sequence[float], *columns: Sequence[float | None]) -> list[list[float | None]]:
    """Times and columns with a point of None in each gap, and None for what is not finite."""
    gaps = set(gap_after(times))
    shown: list[list[float | None]] = [[] for _ in range(1 + len(columns))]
    for place, moment in enumerate(times):
        shown[0].append(moment)
        for target, column in zip(shown[1:], columns, strict=True):
            value = column[place]
            target.append(value if value is not None and math.isfinite(value) else None)
        if place in gaps:
            shown[0].append((moment + times[place + 1]) / 2)
            for target in shown[1:]:
                target.append(None)
    return shown
