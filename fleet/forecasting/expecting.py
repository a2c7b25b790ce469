"""How much energy a window will take: the answer at once, of one asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energykit.quarters import MICROSECONDS, QUARTER, QUARTER_SECONDS
from fleet import ports
from fleet.errors import InsufficientHistory, ModelTakesAJob, NoSuchModel
from fleet.forecasting.names import BUILT_IN, LINEAR
from fleet.models import Asset
from fleet.queries import history

if TYPE_CHECKING:
    import numpy as np

MOST_HISTORY = 8 * 7 * 96  # quarters before the window that a seasonal model looks at


def expected_energy(asset: Asset, begin: int, end: int, model: str = LINEAR) -> float:
    """kWh from `begin` to `end`, µs; quarters on the edges count pro rata.

    Raises InsufficientHistory, NoSuchModel, and ModelTakesAJob for a script, which never runs here.
    """
    if model not in BUILT_IN:
        scripts = ports.forecasters.names() if ports.forecasters else []
        raise ModelTakesAJob(model) if model in scripts else NoSuchModel(model, [*BUILT_IN, *scripts])
    start, energy, share = history(asset, begin)
    if model == LINEAR:
        return _linear(start, energy / share, begin / MICROSECONDS, end / MICROSECONDS)
    return _in_batches(model, start, energy / share, begin, end)


def _linear(start: np.ndarray, energy: np.ndarray, begin: float, end: float) -> float:
    from energykit.quarters import linear  # noqa: PLC0415  (numpy; a web process boots without it)

    try:
        return linear.expected_energy(linear.fitted(start, energy), begin, end)
    except linear.TooLittleHistory as told:
        raise InsufficientHistory(told.have, told.need) from None


def _in_batches(model: str, start: np.ndarray, energy: np.ndarray, begin: int, end: int) -> float:
    import numpy as np  # noqa: PLC0415  (as above)

    from energykit.quarters import linear  # noqa: PLC0415
    from fleet.forecasting.foretold import foretell  # noqa: PLC0415

    first, past = begin // QUARTER, -(-end // QUARTER)
    oldest = max(int(start[0]) // QUARTER_SECONDS if len(start) else first, first - MOST_HISTORY)
    observed = np.full((1, max(first - oldest, 0)), np.nan)
    places = start // QUARTER_SECONDS - oldest
    observed[0, places[places >= 0]] = energy[places >= 0]
    have = int(np.isfinite(observed).sum())
    if have < linear.LEAST_QUARTERS:
        raise InsufficientHistory(have, linear.LEAST_QUARTERS)
    expected = foretell(model, observed, oldest, past - first).expected[0]
    edges = np.arange(first, past + 1) * QUARTER
    inside = np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin)
    return float(expected @ (inside / QUARTER))
