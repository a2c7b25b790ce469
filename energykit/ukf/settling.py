"""Accepting, repairing or refusing what a step produced, one battery at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from energykit.ukf.covariance import repair


@dataclass(slots=True)
class Belief:
    """Mean, covariance and its factor of one battery, packed."""

    mean: list[float]
    covariance: list[float]
    upper: list[float]


def settle(mean: Sequence[float], covariance: Sequence[float]) -> tuple[Belief, bool] | None:
    """The belief, sound, and whether it had to be repaired; None where it is not finite."""
    if not (_all_finite(mean) and _all_finite(covariance)):
        return None
    sound, upper, was_repaired = repair(covariance, len(mean))
    if not (_all_finite(sound) and _all_finite(upper)):
        return None
    return Belief(list(mean), sound, upper), was_repaired


def _all_finite(values: Sequence[float]) -> bool:
    return all(map(math.isfinite, values))
