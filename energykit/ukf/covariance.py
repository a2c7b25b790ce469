"""Symmetric matrices as lists of elements, one number or one array of numbers (a battery each) for each element.

The upper triangle is packed row by row: (0,0), (0,1), … (0,n-1), (1,1), … . Written out element by element, because
matrix routines choose other orders of summation for other sizes: only so has a battery the same bits alone and in a
batch.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

Value: TypeAlias = Any  # a float, or a contiguous array of floats with one battery in each place

# Pivots below this share of their variance are rounding noise (eps is 2e-16, a pivot sums up to 6 products).
SMALLEST_PIVOT_SHARE = 1e-14
SMALLEST_PIVOT = 1e-30


@cache
def packed_index(states: int) -> tuple[tuple[int, ...], ...]:
    """Where element (row, column) stands in the packed upper triangle, for any order of row and column."""
    position, places = 0, [[0] * states for _ in range(states)]
    for row in range(states):
        for column in range(row, states):
            places[row][column] = places[column][row] = position
            position += 1
    return tuple(tuple(row) for row in places)


def packed_length(states: int) -> int:
    return states * (states + 1) // 2


def factor(packed: Sequence[Value], states: int, sqrt: Callable[[Value], Value]) -> tuple[list[Value], list[Value]]:
    """Upper factor U of P = UᵀU, packed, and its pivots; where a pivot is not positive, U is meaningless."""
    at = packed_index(states)
    upper: list[Value] = [None] * len(packed)
    pivots = []
    for row in range(states):
        here = at[row]
        for column in range(row, states):
            rest = packed[here[column]]
            for above in at[:row]:
                rest = rest - upper[above[row]] * upper[above[column]]
            if column == row:
                pivots.append(rest)
                root = sqrt(rest)
                upper[here[row]] = root
            else:
                upper[here[column]] = rest / root
    return upper, pivots


@cache
def variance_places(states: int) -> tuple[int, ...]:
    return tuple(packed_index(states)[state][state] for state in range(states))


def pivot_floor(variance: Value) -> Value:
    return variance * SMALLEST_PIVOT_SHARE + SMALLEST_PIVOT


def is_positive_definite(packed: Sequence[float], states: int) -> bool:
    """Whether the filter can draw from this covariance as it stands."""
    _, _, repairs = repair(packed, states)
    return repairs == 0


def repair(packed: Sequence[float], states: int) -> tuple[list[float], list[float], int]:
    """The covariance with each variance raised just enough, its factor, and how many had to be raised.

    What `factor` calls sound comes back untouched, and what comes back is sound to `factor`, with the same bits: so a
    filter restored from a checkpoint draws the same points as the one that wrote it.
    """
    at = packed_index(states)
    sound, upper, repairs = list(packed), [0.0] * len(packed), 0
    for row in range(states):
        here = at[row]
        explained = [upper[above[row]] * upper[above[row]] for above in at[:row]]
        pivot = _less(sound[here[row]], explained)
        if not pivot > pivot_floor(sound[here[row]]):
            scale = abs(sound[here[row]]) + sum(explained)
            sound[here[row]] += 4 * pivot_floor(scale) - pivot
            pivot = _less(sound[here[row]], explained)
            repairs += 1
        root = math.sqrt(pivot)
        upper[here[row]] = root
        for column in range(row + 1, states):
            shared = [upper[above[row]] * upper[above[column]] for above in at[:row]]
            upper[here[column]] = _less(sound[here[column]], shared) / root
    return sound, upper, repairs


def _less(value: float, parts: Sequence[float]) -> float:
    for part in parts:
        value = value - part
    return value
