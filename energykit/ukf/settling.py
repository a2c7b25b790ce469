"""Accepting, repairing or refusing what a step produced, one battery at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.covariance import Value, factor, is_certain, is_safe, pivot_floor, repair, variance_places
from energykit.ukf.rows import Floats


@dataclass(slots=True)
class Belief:
    """Mean, covariance and its factor, element by element: floats of one battery, or arrays over several."""

    mean: list[Value]
    covariance: list[Value]
    upper: list[Value]

    def head(self, count: int) -> "Belief":
        """Of the first so many batteries."""
        return Belief(*([each[:count] for each in part] for part in (self.mean, self.covariance, self.upper)))

    def of_one(self, column: int) -> "Belief":
        return Belief(*([float(each[column]) for each in part] for part in (self.mean, self.covariance, self.upper)))

    def put(self, column: int, other: "Belief") -> None:
        for ours, theirs in ((self.mean, other.mean), (self.covariance, other.covariance), (self.upper, other.upper)):
            for each, value in zip(ours, theirs, strict=True):
                each[column] = value


def settle(mean: Sequence[float], covariance: Sequence[float]) -> tuple[Belief, bool] | None:
    """The belief, sound, and whether it had to be repaired; None where it is not finite."""
    if not (_all_finite(mean) and _all_finite(covariance)):
        return None
    sound, upper, was_repaired = repair(covariance, len(mean))
    if not (_all_finite(sound) and _all_finite(upper)):
        return None
    return Belief(list(mean), sound, upper), was_repaired


def believe(mean: list[Floats], covariance: list[Floats]) -> tuple[Belief, NDArray[np.bool_]]:
    """The belief of many batteries, and which of them must be settled one by one."""
    states = len(mean)
    upper, pivots = factor(covariance, states, np.sqrt)
    total = mean[0]
    for each in mean[1:]:
        total = total + each
    sound = np.isfinite(total)
    for place, pivot in zip(variance_places(states), pivots, strict=True):
        sound &= pivot > pivot_floor(covariance[place])  # false for NaN too, and every element meets some pivot
    doubtful = np.flatnonzero(sound & ~is_safe(covariance, pivots, states))
    if len(doubtful):
        sound[doubtful] = is_certain([each[doubtful] for each in covariance], states, np.sqrt)
    return Belief(mean, covariance, upper), ~sound


def _all_finite(values: Sequence[float]) -> bool:
    return all(map(math.isfinite, values))
