"""Noises of the filter, from running it over the rows: it should be as far off as it expects to be.

How far each state wanders in a day is tried on a small grid; for each try the sensor's variance is the one that makes
the mean NIS 1, and the most likely try wins (prediction error decomposition: Harvey, "Forecasting, structural time
series models and the Kalman filter", 1989, section 3.4). All tries are stepped abreast.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from energykit.fitting.rows import CellRows
from energykit.ukf import FilterResult, FleetFilter, JointFilterParameters, run_filter
from energykit.ukf.rows import FilterRows, Floats

SECONDS_PER_DAY = 86_400.0
MOST_ROWS = 4_000
SENSOR_STDS_V = tuple(np.geomspace(2e-4, 0.2, 13))
SOC_A_DAY = (1e-3, 3e-3, 1e-2)
R0_A_DAY = (1e-2, 1e-1)  # share
OFFSET_A_DAY_V = (3e-4, 3e-3, 1e-2)
CAPACITY_A_DAY = 2e-3  # share; from the first cycles nobody can tell how fast a cell will age
RC_CURRENT_A_SECOND = 1e-4  # C-rate, within a second
SETTLING_ROWS = 20
ROWS_A_ROUND = 400


@dataclass(frozen=True)
class Wander:
    """Standard deviations of what a state gains in a day by itself."""

    soc: float
    r0_share: float
    offset_v: float
    capacity_share: float = CAPACITY_A_DAY


@dataclass(frozen=True)
class Noises:
    parameters: dict[str, Any]
    wander: Wander
    sensor_std: float
    sensor_std_std: float  # from one part of the rows to another
    mean_nis: float
    result: FilterResult
    rows: int


def fitted_noises(rows: CellRows, cell: Mapping[str, Any], tell: Callable[[float], None]) -> Noises:
    """`cell` holds everything but noises. Uses the first rows where there are very many."""
    used = rows.part(0, min(len(rows), MOST_ROWS))
    wanders = [Wander(*each) for each in product(SOC_A_DAY, R0_A_DAY, OFFSET_A_DAY_V)]
    tried = [with_noises(cell, wander, std) for wander in wanders for std in SENSOR_STDS_V]
    nis, likelihoods = _judged(tried, used, tell)
    wander, std = _likeliest(wanders, nis.reshape(len(wanders), -1), likelihoods.reshape(len(wanders), -1))
    std = _refined(used, cell, wander, std)
    parameters = with_noises(cell, wander, std)
    result = run_filter(JointFilterParameters.from_mapping(parameters), used.for_filter())
    return Noises(
        parameters=parameters,
        wander=wander,
        sensor_std=std,
        sensor_std_std=_spread(result, std),
        mean_nis=float(np.mean(_nis(result))),
        result=result,
        rows=len(used),
    )


def with_noises(cell: Mapping[str, Any], wander: Wander, sensor_std: float) -> dict[str, Any]:
    capacity, ohm, pairs = cell["capacity_ah"], cell["r0_ohm"], len(cell["rc_pairs"])
    a_day = (
        wander.soc**2,
        wander.offset_v**2,
        (wander.capacity_share * capacity) ** 2,
        (wander.r0_share * ohm) ** 2,
    )
    soc, offset, charge, resistance = (variance / SECONDS_PER_DAY for variance in a_day)
    per_second = [soc, *[(RC_CURRENT_A_SECOND * capacity) ** 2] * pairs, offset, charge, resistance]
    return {**cell, "sensor_variance": sensor_std**2, "process_noise_per_second": per_second}


def _judged(tried: Sequence[Mapping[str, Any]], rows: CellRows, tell: Callable[[float], None]) -> tuple[Floats, Floats]:
    """Mean NIS and log-likelihood a row of each try, all stepped abreast; infinite where nothing was stepped."""
    fleet = FleetFilter([JointFilterParameters.from_mapping(each) for each in tried])
    sums, counts, likelihoods = np.zeros(len(tried)), np.zeros(len(tried)), np.zeros(len(tried))
    given = rows.for_filter()
    for first in range(0, len(rows), ROWS_A_ROUND):
        part = slice(first, first + ROWS_A_ROUND)
        chunk = FilterRows(given.time[part], given.current[part], given.voltage[part])
        for place, result in enumerate(fleet.advance([chunk] * len(tried))):
            stepped = result.stepped
            stepped[: max(min(SETTLING_ROWS, len(rows) // 2) - first, 0)] = False
            nis = result.nis[stepped]
            sums[place] += nis.sum()
            counts[place] += len(nis)
            likelihoods[place] -= 0.5 * float(np.sum(np.log(result.innovation_variance[stepped]) + nis))
        tell(min((first + ROWS_A_ROUND) / len(rows), 1.0))
    some = counts > 0
    counts = np.maximum(counts, 1)
    return np.where(some, sums / counts, np.inf), np.where(some, likelihoods / counts, -np.inf)


def _likeliest(wanders: Sequence[Wander], nis: Floats, likelihoods: Floats) -> tuple[Wander, float]:
    """The likeliest of those at a mean NIS of 1; arrays are (wanders, sensor's standard deviations)."""
    grid = np.log(SENSOR_STDS_V)
    stds = [_crossing(np.array(SENSOR_STDS_V), each) for each in nis]
    at_crossing = [float(np.interp(np.log(std), grid, each)) for std, each in zip(stds, likelihoods, strict=True)]
    best = int(np.argmax(np.nan_to_num(at_crossing, nan=-np.inf)))
    return wanders[best], stds[best]


def _refined(rows: CellRows, cell: Mapping[str, Any], wander: Wander, std: float) -> float:
    stds = np.geomspace(std / 1.8, std * 1.8, 13)
    nis, _ = _judged([with_noises(cell, wander, each) for each in stds], rows, lambda share: None)
    return _crossing(stds, nis)


def _crossing(stds: Floats, nis: Floats) -> float:
    """Where the mean NIS is 1: it falls as the sensor is trusted less. Of several crossings the last."""
    above = np.flatnonzero(~(nis <= 1.0))  # NaN is no consistent filter either
    if not len(above):
        return float(stds[0])
    last = int(above[-1])
    if last == len(stds) - 1 or not np.isfinite(nis[last]):
        return float(stds[min(last + 1, len(stds) - 1)])
    share = np.log(nis[last]) / (np.log(nis[last]) - np.log(nis[last + 1]))
    return float(np.exp(np.log(stds[last]) + share * (np.log(stds[last + 1]) - np.log(stds[last]))))


def _nis(result: FilterResult) -> Floats:
    """Of the stepped rows after the filter has settled."""
    settled = result.stepped.copy()
    settled[: min(SETTLING_ROWS, len(settled) // 2)] = False
    return result.nis[settled]


def _spread(result: FilterResult, std: float) -> float:
    """Standard error of the sensor's standard deviation, from ten parts of the rows in order."""
    parts = [part for part in np.array_split(_nis(result), 10) if len(part)]
    each = np.sqrt([float(np.mean(part)) for part in parts])
    return float(std * np.std(each) / np.sqrt(len(each)))
