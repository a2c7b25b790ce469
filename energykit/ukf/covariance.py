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
# A factor may come out of a matrix that is not positive definite: rounding moves correlations by up to n(n+1)·eps,
# 5e-15 (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 10.3). With ones on the diagonal the least
# eigenvalue is at least the determinant over e, as the others' mean is at most n/(n-1): above this nothing is in doubt.
SAFE_DETERMINANT = 1e-13
# So much less on the diagonal, and a factor none the less: then the matrix itself is positive definite for certain.
SAFETY = 2e-14
# The first is the least that leaves rounding (eps over it) well below it; the last leaves a diagonal.
SHRINKAGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


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


def is_safe(packed: Sequence[Value], pivots: Sequence[Value], states: int) -> Value:
    """Whether the pivots alone say that the matrix is positive definite; otherwise it takes `is_certain` to tell."""
    determinant, variances = pivots[0], packed[0]
    for pivot, place in zip(pivots[1:], variance_places(states)[1:], strict=True):
        determinant, variances = determinant * pivot, variances * packed[place]
    return determinant > variances * SAFE_DETERMINANT


def is_certain(packed: Sequence[Value], states: int, sqrt: Callable[[Value], Value]) -> Value:
    """Whether the matrix has a factor even after its diagonal has lost as much as rounding could have added."""
    less = list(packed)
    for place in variance_places(states):
        less[place] = less[place] * (1.0 - SAFETY)
    _, pivots = factor(less, states, sqrt)
    certain = pivots[0] > 0.0
    for pivot in pivots[1:]:
        certain = certain & (pivot > 0.0)
    return certain


def is_positive_definite(packed: Sequence[float], states: int) -> bool:
    """Whether the filter can draw its points from this covariance as it stands."""
    return _sound_factor(packed, states) is not None


def repair(packed: Sequence[float], states: int) -> tuple[list[float], list[float], bool]:
    """The nearest sound covariance that is cheap to find, its factor, and whether it is another one.

    A variance that is not positive becomes next to nothing, without covariances; then all correlations shrink by as
    little as helps. What is sound comes back untouched and what comes back is sound, with the same bits: a filter
    restored from a checkpoint draws the same points as the one that wrote it. The values must be finite.
    """
    upper = _sound_factor(packed, states)
    if upper is not None:
        return list(packed), upper, False
    at = packed_index(states)
    kept = list(packed)
    for state in range(states):
        if not kept[at[state][state]] > pivot_floor(kept[at[state][state]]):
            for place in at[state]:
                kept[place] = 0.0
            kept[at[state][state]] = 4.0 * SMALLEST_PIVOT
    variances = set(variance_places(states))
    for shrinkage in SHRINKAGES:
        shrunk = [each if place in variances else each * (1.0 - shrinkage) for place, each in enumerate(kept)]
        upper = _sound_factor(shrunk, states)
        if upper is not None:
            return shrunk, upper, True
    raise AssertionError("a diagonal of positive variances has a factor")


def _sound_factor(packed: Sequence[float], states: int) -> list[float] | None:
    floors = (pivot_floor(packed[place]) for place in variance_places(states))
    try:
        upper, pivots = factor(packed, states, math.sqrt)
        if not all(pivot > floor for pivot, floor in zip(pivots, floors, strict=True)):
            return None
        return upper if is_safe(packed, pivots, states) or is_certain(packed, states, math.sqrt) else None
    except (ValueError, ZeroDivisionError):  # the root of a negative pivot; division by a pivot of zero
        return None
