"""Noises of the filter, from running it over the rows: it should be as far off as it expects to be.

How far each state wanders in a day is tried on a small grid; for each try the sensor's variance is the one that makes
the mean NIS 1, and the most likely try wins (prediction error decomposition: Harvey, "Forecasting, structural time
series models and the Kalman filter", 1989, section 3.4). All tries are stepped abreast.

Where errors still last from row to row they are no noise of a sensor, and the state is augmented by what makes them: an
offset of the voltage that comes and fades, a first-order Gauss-Markov process (Bar-Shalom, Li and Kirubarajan,
"Estimation with applications to tracking and navigation", 2001, section 8.2; Simon, "Optimal state estimation", 2006,
section 7.2). The same search then finds how large it is. Within which time it fades is given: rows that follow each
other within seconds then tell no more than one. A slower offset whitens the errors better, but in a measured cell it
took up what the capacity explains.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
FADING_SENSOR_STD_V = 2e-3  # where the offset stands for the model's errors, a logger's own are left
FADING_SECONDS = 20.0
FADING_SOC_A_DAY = (1e-2, 3e-2, 1e-1)  # more would take up what the capacity explains
FADING_SHARES = tuple(np.geomspace(0.25, 4.0, 9))  # of the sensor's deviation that was found without it
MOST_CORRELATION = 0.999
MOST_LASTING = 0.5  # correlation of an error with the one before, from which it is no noise
CAPACITY_A_DAY = 2e-3  # share; from the first cycles nobody can tell how fast a cell will age
RC_CURRENT_A_SECOND = 1e-4  # C-rate, within a second
SETTLING_ROWS = 20
ROWS_A_ROUND = 400


Tell = Callable[[float], None]


@dataclass(frozen=True)
class Wander:
    """Standard deviations of what a state gains in a day by itself.

    An offset that fades, within `fading_seconds`, has `offset_v` at any time.
    """

    soc: float
    r0_share: float
    offset_v: float
    capacity_share: float = CAPACITY_A_DAY
    fading_seconds: float = 0.0


@dataclass(frozen=True)
class Noises:
    parameters: dict[str, Any]
    wander: Wander
    sensor_std: float
    share_std: float  # of the deviation that was searched for, from one part of the rows to another, as a share
    mean_nis: float
    lasting: float  # correlation of an error with the one before
    result: FilterResult
    rows: int


def fitted_noises(rows: CellRows, cell: Mapping[str, Any], tell: Tell) -> Noises:
    """`cell` holds everything but noises. Uses the first rows where there are very many."""
    used = rows.part(0, min(len(rows), MOST_ROWS))
    wanders = [Wander(*each) for each in product(SOC_A_DAY, R0_A_DAY, OFFSET_A_DAY_V)]
    tried = [[with_noises(cell, wander, std) for std in SENSOR_STDS_V] for wander in wanders]
    best, std = _likeliest(tried, SENSOR_STDS_V, used, _mean_nis, lambda share: tell(0.8 * share))
    std = _refined(lambda std: with_noises(cell, wanders[best], std), std, used, _mean_nis)
    white = _found(with_noises(cell, wanders[best], std), wanders[best], std, used)
    if white.lasting <= MOST_LASTING:
        return white
    return _with_an_offset_that_fades(white, cell, used, lambda share: tell(0.8 + 0.2 * share))


def _with_an_offset_that_fades(white: Noises, cell: Mapping[str, Any], used: CellRows, tell: Tell) -> Noises:
    """Its deviation is such that bands are wide enough for the errors that last even so."""
    wanders = [replace(white.wander, soc=soc, fading_seconds=FADING_SECONDS) for soc in FADING_SOC_A_DAY]
    stds = [white.sensor_std * share for share in FADING_SHARES]

    def with_offset(wander: Wander, std: float) -> dict[str, Any]:
        return with_noises(cell, replace(wander, offset_v=std), FADING_SENSOR_STD_V)

    tried = [[with_offset(wander, std) for std in stds] for wander in wanders]
    best, std = _likeliest(tried, stds, used, _lasting_nis, tell)
    std = _refined(lambda std: with_offset(wanders[best], std), std, used, _lasting_nis)
    return _found(with_offset(wanders[best], std), replace(wanders[best], offset_v=std), FADING_SENSOR_STD_V, used)


def _found(parameters: dict[str, Any], wander: Wander, sensor_std: float, used: CellRows) -> Noises:
    result = run_filter(JointFilterParameters.from_mapping(parameters), used.for_filter())
    whitened = _whitened(result)
    return Noises(
        parameters=parameters,
        wander=wander,
        sensor_std=sensor_std,
        share_std=_spread(whitened),
        mean_nis=float(np.mean(whitened**2)),
        lasting=float(np.sum(whitened[1:] * whitened[:-1]) / np.sum(whitened**2)),
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
    found = {**cell, "sensor_variance": sensor_std**2}
    if wander.fading_seconds:
        offset = 2.0 * wander.offset_v**2 / wander.fading_seconds
        found["hysteresis_seconds"] = wander.fading_seconds
        found["initial_covariance"] = list(cell["initial_covariance"])
        found["initial_covariance"][1 + pairs] = wander.offset_v**2
    per_second = [soc, *[(RC_CURRENT_A_SECOND * capacity) ** 2] * pairs, offset, charge, resistance]
    return {**found, "process_noise_per_second": per_second}


@dataclass(frozen=True)
class _Judged:
    """Of several tries: an array over them each."""

    nis: Floats  # its mean; infinite where nothing was stepped
    lasting: Floats  # correlation of an error with the one before
    likelihood: Floats  # logarithm, a row


Size = Callable[[_Judged], Floats]


def _mean_nis(judged: _Judged) -> Floats:
    return judged.nis


def _lasting_nis(judged: _Judged) -> Floats:
    """A mean of AR(1) errors with correlation r varies (1 + r)/(1 − r) times as much as one of independent errors."""
    return judged.nis * (1.0 + judged.lasting) / (1.0 - judged.lasting)


def _judged(tried: Sequence[Mapping[str, Any]], rows: CellRows, tell: Tell) -> _Judged:
    """All stepped abreast."""
    fleet = FleetFilter([JointFilterParameters.from_mapping(each) for each in tried])
    sums, counts, likelihoods = np.zeros(len(tried)), np.zeros(len(tried)), np.zeros(len(tried))
    products, before = np.zeros(len(tried)), np.zeros(len(tried))
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
            whitened = np.append(
                before[place], result.innovation[stepped] / np.sqrt(result.innovation_variance[stepped])
            )
            products[place] += float(whitened[1:] @ whitened[:-1])
            before[place] = whitened[-1]
        tell(min((first + ROWS_A_ROUND) / len(rows), 1.0))
    some = counts > 0
    counts = np.maximum(counts, 1)
    lasting = np.where(sums > 0, products / np.where(sums > 0, sums, 1.0), 0.0)
    return _Judged(
        nis=np.where(some, sums / counts, np.inf),
        lasting=np.clip(lasting, 0.0, MOST_CORRELATION),
        likelihood=np.where(some, likelihoods / counts, -np.inf),
    )


def _likeliest(
    tried: Sequence[Sequence[Mapping[str, Any]]], stds: Sequence[float], rows: CellRows, size: Size, tell: Tell
) -> tuple[int, float]:
    """Which row of tries is the likeliest where its size is 1, and at which of the deviations that is; a try for each
    deviation in a row."""
    judged = _judged([each for row in tried for each in row], rows, tell)
    shape, grid = (len(tried), len(stds)), np.log(stds)
    crossings = [_crossing(np.array(stds), each) for each in size(judged).reshape(shape)]
    at_crossing = [
        float(np.interp(np.log(std), grid, each))
        for std, each in zip(crossings, judged.likelihood.reshape(shape), strict=True)
    ]
    best = int(np.argmax(np.nan_to_num(at_crossing, nan=-np.inf)))
    return best, crossings[best]


def _refined(with_std: Callable[[float], dict[str, Any]], std: float, rows: CellRows, size: Size) -> float:
    stds = np.geomspace(std / 1.8, std * 1.8, 13)
    judged = _judged([with_std(each) for each in stds.tolist()], rows, lambda share: None)
    return _crossing(stds, size(judged))


def _crossing(stds: Floats, nis: Floats) -> float:
    """Where it is 1: it falls as the voltage is trusted less. Of several crossings the last."""
    above = np.flatnonzero(~(nis <= 1.0))  # NaN is no consistent filter either
    if not len(above):
        return float(stds[0])
    last = int(above[-1])
    if last == len(stds) - 1 or not np.isfinite(nis[last]):
        return float(stds[min(last + 1, len(stds) - 1)])
    share = np.log(nis[last]) / (np.log(nis[last]) - np.log(nis[last + 1]))
    return float(np.exp(np.log(stds[last]) + share * (np.log(stds[last + 1]) - np.log(stds[last]))))


def _whitened(result: FilterResult) -> Floats:
    """Errors over their expected size, of the stepped rows after the filter has settled."""
    settled = result.stepped.copy()
    settled[: min(SETTLING_ROWS, len(settled) // 2)] = False
    whitened: Floats = result.innovation[settled] / np.sqrt(result.innovation_variance[settled])
    return whitened


def _spread(whitened: Floats) -> float:
    """Standard error of their size, from ten parts of the rows in order."""
    each = np.sqrt([float(np.mean(part**2)) for part in np.array_split(whitened, 10) if len(part)])
    return float(np.std(each) / np.sqrt(len(each)))
