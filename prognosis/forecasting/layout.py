"""A load laid out in steps: `test_time` and the mean of each column over each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prognosis.errors import LoadRefused
from prognosis.forecasting.capping import capped
from prognosis.forecasting.load import Load
from prognosis.forecasting.phases import Phase
from prognosis.forecasting.profile import Profile

if TYPE_CHECKING:
    import numpy as np

Recorded = Callable[[Phase], tuple[Profile, float]]  # the rows that a phase stands for, and how long they last, s


def load_columns(
    load: Load, recorded: Recorded | None = None, capacity_ah: float | None = None
) -> dict[str, np.ndarray]:
    """`test_time` from 0 to below `ahead_time` in steps of `resolution`, s from the newest estimate, and the load.

    A value of a profile holds from its row to the next one, and each point has the mean over its step: so charge and
    energy are the same at every resolution. The last step has its full length, also where it reaches beyond
    `ahead_time`. `recorded` reads what stands in stored rows; `capacity_ah` is what C-rates are relative to. Raises
    LoadRefused.
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    times = np.arange(load.points) * load.resolution
    parts = []
    for phase, start, end in load.spans:
        is_last = end >= load.ahead_time
        stretched = max(end, times[-1] + load.resolution) if is_last else end
        edges = _edges(times, start, min(stretched, _known_until(phase, start)))
        if len(edges) > 1:
            parts.append((edges, columns_of_phase(phase, edges - start, recorded, capacity_ah)))
    return {"test_time": times, **_joined(times, parts)}


def columns_of_phase(
    phase: Phase, edges: np.ndarray, recorded: Recorded | None = None, capacity_ah: float | None = None
) -> dict[str, np.ndarray]:
    """The mean of each column between each edge and the next, s from the phase's beginning."""
    import numpy as np  # noqa: PLC0415  (as above)

    most = _greatest_current(phase, capacity_ah)
    columns = {name: np.full(len(edges) - 1, value) for name, value in phase.constants.items()}
    if "current" in columns and most is not None:
        columns["current"] = np.minimum(columns["current"], most)
    profile, period = phase.profile, phase.repeat
    if phase.is_recorded:
        assert recorded is not None
        profile, period = recorded(phase)
    if profile is not None:
        if most is not None and "current" in profile.columns:
            profile = _with_cap(profile, period, most)
        columns |= {name: profile.means(name, edges, period) for name in profile.columns}
    if phase.temperature is not None:
        columns["temperature"] = np.full(len(edges) - 1, phase.temperature)
    elif phase.temperature_profile is not None:
        columns["temperature"] = phase.temperature_profile.means("temperature", edges, phase.temperature_period)
    if phase.temperature_offset and "temperature" in columns:
        columns["temperature"] = columns["temperature"] + phase.temperature_offset
    return columns


def _greatest_current(phase: Phase, capacity_ah: float | None) -> float | None:
    """In A; None where there is no cap."""
    if phase.max_c_rate is None:
        return None
    if not capacity_ah:
        raise LoadRefused({"max_c_rate": ["The battery's capacity is not known, so a C-rate says nothing of it."]})
    return phase.max_c_rate * capacity_ah


def _with_cap(profile: Profile, period: float | None, most: float) -> Profile:
    import numpy as np  # noqa: PLC0415  (as above)

    end = profile.end if period is None else period
    if not np.isfinite(end):
        return Profile(profile.times, {**profile.columns, "current": np.minimum(profile.columns["current"], most)})
    slower = capped(profile.columns["current"], np.diff(np.append(profile.times, end)), most, period is not None)
    return Profile(profile.times, {**profile.columns, "current": slower})


def _known_until(phase: Phase, start: float) -> float:
    """Where a profile that is not repeated ends: the last step has the mean of what is known of it."""
    is_endless = phase.profile is None or phase.repeat is not None
    return float("inf") if is_endless or phase.profile is None else start + phase.profile.end


def _edges(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """The phase's beginning, the steps' edges within it, and its end."""
    import numpy as np  # noqa: PLC0415  (as above)

    inside = times[(times > start) & (times < end)]
    return np.concatenate([[start], inside, [end]]) if end > start else np.array([start])


def _joined(times: np.ndarray, parts: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Columns by step. A step that lies in two phases has the mean of both, by how long each holds."""
    import numpy as np  # noqa: PLC0415  (as above)

    if len(parts) == 1:
        return parts[0][1]
    names = list(dict.fromkeys(name for _, columns in parts for name in columns))
    if lacking := [name for name in names if any(name not in columns for _, columns in parts)]:
        raise LoadRefused({"phases": [f"Not every phase has a {lacking[0]}; give it in each or in none."]})
    lengths = np.concatenate([np.diff(edges) for edges, _ in parts])
    steps = np.searchsorted(times, np.concatenate([edges[:-1] for edges, _ in parts]), side="right") - 1
    total = np.bincount(steps, lengths, len(times))
    joined = {}
    for name in names:
        values = np.concatenate([columns[name] for _, columns in parts])
        joined[name] = np.bincount(steps, values * lengths, len(times)) / total
    return joined
