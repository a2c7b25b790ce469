"""Rows into evidence: the same evidence, to the bit, however the rows are cut into chunks and filters into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.consistency.columns import OPEN, PREVIOUS, RAW, ROWS_OF_A_WINDOW, SOC_BINS, WINDOW
from energykit.consistency.evidence import Evidence, Floats
from energykit.consistency.windows import close_windows

Places = NDArray[np.intp]

# One row shall not break the sums, whatever a filter that has lost its way says there.
MOST_DEVIATIONS = 1e3
MOST_VOLTS = 1e3
STEADY_SHARE = 0.05  # a current that changes by less counts as steady
BEYOND = 0.03  # SOC is beyond empty or full where it is so far outside 0 to 1
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What a filter made of some rows, in order, k of them; NaN or None is what it does not tell."""

    time: Floats  # (k,) s
    current: Floats  # (k,) A, positive while charging
    innovation: Floats  # (k,) V, measured less predicted
    innovation_variance: Floats  # (k,) V²
    predicted_voltage: Floats  # (k,) V
    soc: Floats | None = None  # (k,) 0 to 1
    capacity: Floats | None = None  # (k,) Ah


def observe(evidence: Evidence, observed: Sequence[Observed]) -> NDArray[np.bool_]:
    """Adds each filter's rows to its evidence; tells of which filters a window came to its end."""
    rows = _joined(observed)
    if not len(rows.filter):
        return np.zeros(len(evidence), dtype=bool)
    open_rows = evidence["rows"].astype(np.intp)
    counts = np.bincount(rows.filter, minlength=len(evidence))
    firsts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    closed = (open_rows + counts) // ROWS_OF_A_WINDOW
    starts = np.concatenate(([0], np.cumsum(closed + 1)))  # where each filter's windows begin; the last stays open
    number = np.arange(len(rows.filter)) - firsts[rows.filter] + open_rows[rows.filter]
    window = starts[rows.filter] + number // ROWS_OF_A_WINDOW
    sums = _sums(evidence, rows, window, starts, firsts, counts)
    ends = np.flatnonzero((number + 1) % ROWS_OF_A_WINDOW == 0)
    capacity = np.zeros(starts[-1])
    capacity[window[ends]] = rows.capacity[ends]
    close_windows(evidence, sums, capacity, starts, closed)
    evidence.table[:, OPEN] = sums[starts[1:] - 1]
    return closed > 0


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of all filters that can be judged, filter after filter."""

    filter: Places
    time: Floats
    current: Floats
    voltage: Floats
    innovation: Floats
    variance: Floats
    soc: Floats
    capacity: Floats


def _joined(observed: Sequence[Observed]) -> _Rows:
    lengths = [len(each.time) for each in observed]

    def column(name: str) -> Floats:
        parts = [
            np.full(length, np.nan) if (values := getattr(each, name)) is None else values
            for each, length in zip(observed, lengths, strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    innovation, variance = column("innovation"), column("innovation_variance")
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(innovation) & np.isfinite(variance) & (variance > 0)
    innovation = innovation[usable]
    voltage = column("predicted_voltage")[usable] + innovation
    voltage[~(np.abs(innovation) < MOST_VOLTS)] = np.nan  # nothing is left of it in such a sum
    innovation = np.clip(innovation, -MOST_VOLTS, MOST_VOLTS)
    return _Rows(
        filter=np.repeat(np.arange(len(observed)), lengths)[usable],
        time=column("time")[usable],
        current=column("current")[usable],
        voltage=voltage,
        innovation=innovation,
        variance=np.minimum(variance[usable], MOST_VOLTS**2),
        soc=np.nan_to_num(column("soc")[usable], nan=0.5, posinf=2.0, neginf=-1.0),
        capacity=np.nan_to_num(column("capacity")[usable], nan=0.0, posinf=1e9, neginf=-1e9),
    )


def _sums(evidence: Evidence, rows: _Rows, window: Places, starts: Places, firsts: Places, counts: Places) -> Floats:
    """(windows, len(WINDOW) + len(RAW)): each added up row after row, beginning with what the open window had."""
    shown = np.flatnonzero(counts)
    before = {name: _before(evidence, name, values, firsts[shown], shown) for name, values in _previous(rows).items()}
    new = shown[evidence["first_capacity"][shown] == 0]
    evidence["first_capacity"][new] = rows.capacity[firsts[new]]
    terms = _terms(rows, before)
    carried = evidence.table[:, OPEN]
    sums = np.zeros((starts[-1], carried.shape[1]))
    sums[starts[:-1]] = carried

    def add(place: int, values: Floats, index: Places, bins: int = 1) -> None:
        windows = sums[:, place : place + bins]
        carry = windows[starts[:-1]]
        carry_index = (starts[:-1, None] * bins + np.arange(bins)).ravel()
        totals = np.bincount(  # adds one after the other, so that chunks change no bit
            np.concatenate((carry_index, index)), np.concatenate((carry.ravel(), values)), minlength=windows.size
        )
        windows[:] = totals.reshape(windows.shape)

    binned = window * SOC_BINS + np.clip(rows.soc * SOC_BINS, 0, SOC_BINS - 1).astype(np.intp)
    for place, name in enumerate(WINDOW + RAW):
        if name in terms:
            add(place, terms[name], window)
        elif name.endswith("[0]"):
            add(place, terms[name[:-3] + "[]"], binned, SOC_BINS)
    last = firsts[shown] + counts[shown] - 1
    for name, values in _previous(rows).items():
        evidence[name][shown] = values[last]
    return sums


def _previous(rows: _Rows) -> dict[str, Floats]:
    whitened = np.clip(rows.innovation / np.sqrt(rows.variance), -MOST_DEVIATIONS, MOST_DEVIATIONS)
    values = (np.ones(len(rows.time)), rows.time, rows.current, rows.voltage, whitened)
    return dict(zip(PREVIOUS, values, strict=True))


def _before(evidence: Evidence, name: str, values: Floats, firsts: Places, shown: Places) -> Floats:
    """Of each row the value of the row before, which for a filter's first row here is in its evidence."""
    before = np.roll(values, 1)
    before[firsts] = evidence[name][shown]
    return before


def _terms(rows: _Rows, before: dict[str, Floats]) -> dict[str, Floats]:
    """What each row adds to each sum; those that go into bins of SOC end in []."""
    known = before["has_row"] > 0
    whitened = _previous(rows)["whitened"]
    step = np.where(known, rows.current - before["current"], 0.0)
    rise = np.nan_to_num(np.where(known, rows.voltage - before["voltage"], 0.0))
    flowing = np.where(known, before["current"], 0.0)
    charge = flowing * np.where(known, rows.time - before["time"], 0.0) / SECONDS_PER_HOUR
    steady = (np.abs(step) <= STEADY_SHARE * np.abs(flowing)) & (flowing != 0)
    squares = np.square(rows.innovation)
    ones = np.ones(len(whitened))
    return {
        "rows": ones,
        "nis": np.square(whitened),
        "lag": np.where(known, whitened * before["whitened"], 0.0),
        "squares": squares,
        "charge_squares": np.square(charge),
        "outside": ((rows.soc < -BEYOND) | (rows.soc > 1.0 + BEYOND)).astype(np.float64),
        "charge_products[]": whitened * charge,
        "bin_squares[]": squares,
        "bin_rows[]": ones,
        "throughput": np.abs(charge),
        "steps": np.abs(step),
        "step_squares": np.square(step),
        "agreeing_steps": np.abs(step) * np.sign(step * rise),
        "rise": np.where(steady, rise * np.sign(flowing), 0.0),
        "rise_squares": np.where(steady, np.square(rise), 0.0),
    }
