"""Rainflow counting by ASTM E1049-85 (2017), section 5.4.4: the cycles within a history of turning points."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Cycles:
    """Counted cycles in order of the places where they close, each (m,).

    depth: range, in the unit of the series. mean: middle of the range. count: 1, or 0.5 for a half cycle.
    start, end: places in the series of its two turning points.
    """

    depth: NDArray[np.float64]
    mean: NDArray[np.float64]
    count: NDArray[np.float64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def turning_points(series: ArrayLike, smallest: float = 0.0) -> NDArray[np.int64]:
    """Places where the series turns, first and last included; swings below `smallest` are passed over."""
    values = np.asarray(series, float)
    if len(values) < 2:
        return np.arange(len(values))
    steps = np.flatnonzero(np.diff(values))  # of a flat stretch, its last place stands for it
    rising = values[steps + 1] > values[steps]
    turns = steps[1:][rising[1:] != rising[:-1]]
    places = np.concatenate(([0], turns, [len(values) - 1]))
    return _without_small_swings(values, places, smallest) if smallest > 0 else places


def _without_small_swings(values: NDArray[np.float64], places: NDArray[np.int64], smallest: float) -> NDArray[np.int64]:
    """A turn counts once the series has come back from it by `smallest`."""
    kept = [int(places[0])]
    extreme, direction = int(places[0]), 0
    for place in places[1:].tolist():
        step = values[place] - values[extreme]
        if direction == 0:
            if abs(step) >= smallest:
                direction, extreme = (1 if step > 0 else -1), place
        elif step * direction >= 0:
            extreme = place
        elif abs(step) >= smallest:
            kept.append(extreme)
            direction, extreme = -direction, place
    last = int(places[-1])
    return np.unique(np.array([*kept, extreme, last], np.int64))


def cycles(series: ArrayLike, smallest: float = 0.0) -> Cycles:
    """Full and half cycles of a series; what is left over at the end counts as half cycles."""
    values = np.asarray(series, float)
    places = turning_points(values, smallest).tolist()
    height = values[places].tolist()
    counted: list[tuple[float, float, int, int]] = []  # depth, count, start, end
    stack: list[int] = []
    for new in range(len(places)):
        stack.append(new)
        while len(stack) >= 3:
            first, second, third = stack[-3:]
            latest, former = abs(height[third] - height[second]), abs(height[second] - height[first])
            if latest < former:
                break
            is_half = len(stack) == 3  # the range begins at the starting point
            counted.append((former, 0.5 if is_half else 1.0, places[first], places[second]))
            if is_half:
                del stack[0]
            else:
                del stack[-3:-1]
    for first, second in pairwise(stack):
        counted.append((abs(height[second] - height[first]), 0.5, places[first], places[second]))
    return _columns(values, counted)


def _columns(values: NDArray[np.float64], counted: list[tuple[float, float, int, int]]) -> Cycles:
    table = np.array([row for row in counted if row[0] > 0], float).reshape(-1, 4)
    start, end = table[:, 2].astype(np.int64), table[:, 3].astype(np.int64)
    return Cycles(table[:, 0], (values[start] + values[end]) / 2, table[:, 1], start, end)
