"""Models by name. Each takes quarters in order (beginnings in s, kWh), and tells kWh from `begin` to `end`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from energykit.quarters import MICROSECONDS
from fleet.errors import InsufficientHistory, NoSuchModel
from fleet.models import Asset
from fleet.queries import history

if TYPE_CHECKING:
    import numpy as np

Model = Callable[["np.ndarray", "np.ndarray", float, float], float]
LINEAR = "linear"


def expected_energy(asset: Asset, begin: int, end: int, model: str = LINEAR) -> float:
    """kWh from `begin` to `end`, µs; quarters on the edges count pro rata. Raises InsufficientHistory, NoSuchModel."""
    if model not in MODELS:
        raise NoSuchModel(model, sorted(MODELS))
    start, energy, share = history(asset, begin)
    return MODELS[model](start, energy / share, begin / MICROSECONDS, end / MICROSECONDS)


def _linear(start: np.ndarray, energy: np.ndarray, begin: float, end: float) -> float:
    from energykit.quarters import linear  # noqa: PLC0415  (numpy; a web process boots without it)

    try:
        return linear.expected_energy(linear.fitted(start, energy), begin, end)
    except linear.TooLittleHistory as told:
        raise InsufficientHistory(told.have, told.need) from None


MODELS: dict[str, Model] = {LINEAR: _linear}
