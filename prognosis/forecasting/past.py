"""What a built-in forecast knows of a battery: its health so far, spread evenly over time. Nothing newer than asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from struct import unpack_from

import numpy as np
from django.db import connection

from datahub.models import Battery
from energykit.prognosis.health import HealthHistory
from prognosis import tables
from prognosis.errors import NoEstimates
from prognosis.queries import CAPACITY_STATES, state_column
from twin.health import fleet_health
from twin.measured import cycles_of
from twin.models import Estimator
from twin.queries import packed_place, with_all_it_takes
from twin.tables import columns_of

POINTS = 200
FEWEST_CYCLES = 5


@dataclass(frozen=True)
class Past:
    """`newest`: test_time, s, of the newest estimate that counts; `soc`: what it says. `reference`: 100 % SOH, Ah."""

    battery: Battery
    estimator: Estimator
    history: HealthHistory
    reference: float
    newest: float
    soc: float | None

    @property
    def capacity_ah(self) -> float:
        return float(self.history.soh[-1]) * self.reference

    @property
    def soc_column(self) -> str | None:
        return state_column(self.estimator, ("soc",))


def pasts_of(batteries: Sequence[Battery], as_of: float | None = None) -> dict[int, Past | NoEstimates]:
    """By battery id; in the place of a past stands why there is none. Two queries for all and two for each."""
    ids = [battery.pk for battery in batteries]
    found = with_all_it_takes().filter(battery__in=ids, is_current=True).order_by()
    estimators = {estimator.battery_id: estimator for estimator in found}
    references = {pk: health.reference_capacity for pk, health in fleet_health(ids).items()}
    pasts: dict[int, Past | NoEstimates] = {}
    for battery in batteries:
        try:
            pasts[battery.pk] = _past(battery, estimators.get(battery.pk), references.get(battery.pk), as_of)
        except NoEstimates as missing:
            pasts[battery.pk] = missing
    return pasts


def past_of(battery: Battery, as_of: float | None = None) -> Past:
    """Raises NoEstimates."""
    found = pasts_of([battery], as_of)[battery.pk]
    if isinstance(found, NoEstimates):
        raise found
    return found


def throughput_until(past: Past) -> np.ndarray | None:
    """Ah moved, in and out together, by each time of the history; None where less than half of it was measured."""
    cycles = cycles_of(past.battery)
    ends, moved = cycles["end_time"], cycles["throughput_ah"]
    known = np.isfinite(ends) & np.isfinite(moved) & (ends <= past.newest)
    times = past.history.time_s
    if known.sum() < FEWEST_CYCLES or ends[known][-1] - ends[known][0] < (times[-1] - times[0]) / 2:
        return None
    at: np.ndarray = np.interp(times, ends[known], moved[known])
    return at


def _past(battery: Battery, estimator: Estimator | None, reference: float | None, as_of: float | None) -> Past:
    if estimator is None:
        raise NoEstimates(battery.name, f"the battery {battery.name!r} has no estimator")
    column = state_column(estimator, CAPACITY_STATES)
    first, newest = tables.time_span(connection, estimator.pk, as_of) if column else (None, None)
    if not estimator.progress.state_names or (column and newest is None):
        when = "" if as_of is None else f" up to {as_of:g} s"
        raise NoEstimates(battery.name, f"the estimator of {battery.name!r} has made no estimate{when} yet")
    if column is None or first is None or newest is None:
        raise NoEstimates(battery.name, f"the estimator of {battery.name!r} estimates no capacity (a state q_t)")
    soc = state_column(estimator, ("soc",))
    columns = [column, "covariance", *([soc] if soc else [])]
    rows = tables.select_spread(connection, estimator.pk, columns, first, newest, POINTS)
    capacity = np.array([row[1] for row in rows], dtype=float)
    if not reference:
        reference = float(capacity[0])
    if not reference > 0:
        raise NoEstimates(battery.name, "what 100 % SOH is, is not known: no nominal capacity, and none estimated")
    history = HealthHistory.of(
        np.array([row[0] for row in rows]), capacity / reference, _deviations(estimator, column, rows) / reference
    )
    if not len(history):
        raise NoEstimates(
            battery.name, f"the capacity that the estimator of {battery.name!r} tells is no finite number"
        )
    return Past(battery, estimator, history, reference, float(newest), float(rows[-1][3]) if soc else None)


def _deviations(estimator: Estimator, column: str, rows: Sequence[Sequence[object]]) -> np.ndarray:
    """The estimator's own standard deviation of each capacity, Ah."""
    names = estimator.progress.state_names
    place = columns_of(names).index(column)
    offset = 8 * packed_place(place, place, len(names))
    variances = [unpack_from("<d", bytes(row[2]), offset)[0] for row in rows]  # type: ignore[call-overload]
    return np.array([math.sqrt(variance) if variance > 0 else 0.0 for variance in variances])
