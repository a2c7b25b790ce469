"""Loads that stand in stored rows: what this battery did of late, or what another one did over a window."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from django.db import connection

from datahub.errors import NoSuchBattery
from datahub.models import Battery
from datahub.queries import battery_named
from prognosis import tables
from prognosis.errors import LoadRefused
from prognosis.forecasting.phases import DAY, Phase
from prognosis.forecasting.profile import Profile
from twin.queries import current_estimator

PARTS = 2048  # of a window; a week has parts of 5 minutes
LEAST_PART_SECONDS = 60.0
LONGEST_HOLD_SECONDS = DAY  # a row holds no longer: nobody knows what a battery does that is silent for days
MOST_WIDENINGS = 6
COLUMNS = {"current": ("current",), "temperature": ("temperature", "temp"), "voltage": ("voltage", "terminal_voltage")}


@dataclass(frozen=True)
class Record:
    """What rows say, silent days cut out. `seconds`: how long it lasts. `soc`: as estimated at its times, or None."""

    profile: Profile  # current in A, temperature in °C where it is known
    seconds: float
    soc: np.ndarray | None
    mean_voltage: float | None

    def newest(self, seconds: float) -> Record:
        """The last part of it, of about so long."""
        times = self.profile.times
        first = int(np.searchsorted(times, self.seconds - seconds * 1.01))
        if first == 0 or first >= len(times) - 1:
            return self
        columns = {name: values[first:] for name, values in self.profile.columns.items()}
        soc = None if self.soc is None else self.soc[first:]
        return Record(
            Profile(times[first:] - times[first], columns), self.seconds - times[first], soc, self.mean_voltage
        )


def last_days(battery: Battery, days: float, newest: float, estimator_id: int = 0, soc_column: str = "") -> Record:
    """The newest `days` of which rows tell, up to `newest`, s; fewer where there are no more. Raises LoadRefused.

    A battery that was silent between is looked at further back, so that a day a month makes a week, too.
    """
    first = battery.first_test_time if battery.first_test_time is not None else newest
    width = days * DAY
    for _ in range(MOST_WIDENINGS):
        start = max(newest - width, first)
        found = _read(battery, start, newest, estimator_id, soc_column)
        if found is not None and (found.seconds >= 0.9 * days * DAY or start <= first):
            return found.newest(days * DAY)
        if start <= first:
            break
        width *= 4
    if found is None:
        raise LoadRefused({"last_days": [f"The rows of {battery.name!r} tell no current; give the load another way."]})
    return found.newest(days * DAY)


def window(battery: Battery, start: float | None, end: float | None, path: str = "dataset") -> Record:
    """The rows of another battery between two times of its own, s. Raises LoadRefused."""
    first = start if start is not None else battery.first_test_time
    last = end if end is not None else battery.last_test_time
    found = _read(battery, first, last) if first is not None and last is not None and last > first else None
    if found is None:
        raise LoadRefused({path: [f"{battery.name!r} has no rows with a current there."]})
    return found


def record_of(phase: Phase, battery: Battery, newest: float) -> Record:
    """What the rows that a phase stands for say; raises LoadRefused."""
    if phase.dataset is None:
        assert phase.last_days is not None
        estimator = current_estimator(battery)
        names = estimator.progress.state_names if estimator else []
        known = estimator.pk if estimator and "soc" in names else 0
        return last_days(battery, phase.last_days, newest, known, "soc" if known else "")
    try:
        other = battery_named(phase.dataset.battery)
    except NoSuchBattery as unknown:
        raise LoadRefused({"dataset.battery": [f"{unknown.message} {unknown.hint}".strip()]}) from None
    end = phase.dataset.end
    if other.pk == battery.pk:  # of itself, a forecast knows nothing that came later
        end = newest if end is None else min(end, newest)
    return window(other, phase.dataset.start, end)


def _read(battery: Battery, start: float, end: float, estimator_id: int = 0, soc_column: str = "") -> Record | None:
    names = {what: _first_of(battery, known) for what, known in COLUMNS.items()}
    if names["current"] is None or end <= start:
        return None
    parts = max(1, min(PARTS, math.floor((end - start) / LEAST_PART_SECONDS)))
    there = [what for what, name in names.items() if name is not None]
    columns = [name for name in names.values() if name is not None]
    rows = tables.mean_rows(connection, battery.pk, columns, start, end, parts, LONGEST_HOLD_SECONDS)
    table = np.array(rows, dtype=float).reshape(len(rows), 2 + len(columns))
    known = {what: table[:, 2 + place] for place, what in enumerate(there)}
    if not len(table) or not np.isfinite(known["current"]).any():
        return None
    soc = _soc_at(table[:, 0], estimator_id, soc_column, start, end, parts) if estimator_id else None
    return _joined(known, table[:, 1], soc)


def _joined(known: dict[str, np.ndarray], seconds: np.ndarray, soc: np.ndarray | None) -> Record:
    """Parts one after another, each as long as is known of it: so what nobody knows is left out, not taken for rest."""
    usable = np.isfinite(known["current"]) & (seconds > 0)
    times = np.concatenate([[0.0], np.cumsum(seconds[usable])])
    columns = {"current": known["current"][usable]}
    temperature = known.get("temperature")
    if temperature is not None and np.isfinite(temperature[usable]).any():
        columns["temperature"] = _filled(temperature[usable])
    voltage = known.get("voltage")
    mean_voltage = float(np.nanmean(voltage)) if voltage is not None and np.isfinite(voltage).any() else None
    return Record(
        Profile(times[:-1], columns), float(times[-1]), None if soc is None else _filled(soc[usable]), mean_voltage
    )


def _soc_at(
    places: np.ndarray, estimator_id: int, column: str, start: float, end: float, parts: int
) -> np.ndarray | None:
    found = dict(tables.mean_estimates(connection, estimator_id, column, start, end, parts))
    soc = np.array([found.get(int(place), math.nan) for place in places], dtype=float)
    return soc if np.isfinite(soc).sum() * 2 > len(soc) else None


def _filled(values: np.ndarray) -> np.ndarray:
    """What is not known, from its neighbours in time."""
    known = np.isfinite(values)
    filled: np.ndarray = np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])
    return filled


def _first_of(battery: Battery, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if battery.columns.get(name) in ("integer", "float")), None)
