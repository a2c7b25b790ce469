"""The same rules on arrays, for many assets at once; equal to `rules` within rounding of doubles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energykit.quarters.rules import DEFAULT_MAX_GAP, HOUR, QUARTER, QUARTER_SECONDS

NEVER = np.int64(2**62)  # µs; beyond any time, and far from the end of int64


@dataclass(frozen=True)
class QuarterArrays:
    """`energies` is kWh, a row for each row of values; `start` in s, `covered` in µs. In order of (asset, start)."""

    asset: np.ndarray
    start: np.ndarray
    energies: np.ndarray
    covered: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def only(self, mask: np.ndarray) -> QuarterArrays:
        return QuarterArrays(self.asset[mask], self.start[mask], self.energies[:, mask], self.covered[mask])


def ends(
    asset: np.ndarray, time: np.ndarray, interval: np.ndarray, step: np.ndarray, max_gap: int = DEFAULT_MAX_GAP
) -> np.ndarray:
    """Where the time of each reading ends, µs. `interval` and `step` are 0 where there is none.

    Readings are in order of (asset, time), and no two of an asset have the same time.
    """
    same = asset[1:] == asset[:-1]
    between = time[1:] - time[:-1]
    following = np.full(len(time), NEVER)
    following[:-1] = np.where(same, time[1:], NEVER)
    to_next = np.full(len(time), NEVER)
    to_next[:-1] = np.where(same, between, NEVER)
    since = np.zeros(len(time), np.int64)
    since[1:] = np.where(same & (between <= max_gap), between, 0)
    guessed = np.where(step > 0, step, np.where(since > 0, since, QUARTER))
    held = np.where(to_next <= max_gap, to_next, guessed)
    found: np.ndarray = np.minimum(time + np.where(interval > 0, interval, held), following)
    return found


def quarters_of(
    asset: np.ndarray,
    time: np.ndarray,
    values: np.ndarray,
    is_energy: np.ndarray,
    interval: np.ndarray,
    step: np.ndarray,
    max_gap: int = DEFAULT_MAX_GAP,
) -> QuarterArrays:
    """Readings of many assets by quarter. `values` is (kinds, readings), each kind summed by itself; NaN marks a gap.

    Readings are in order of (asset, time, µs), and no two of an asset have the same time.
    """
    end = ends(asset, time, interval, step, max_gap)
    whole = np.where(is_energy, np.where(interval > 0, interval, end - time), HOUR)
    used = np.flatnonzero(~np.isnan(values[0]) & (end > time))
    begin, end, asset = time[used], end[used], asset[used]
    rates = values[:, used] / whole[used]
    first = begin // QUARTER
    count = (end - 1) // QUARTER - first + 1
    if len(count) == 0:
        none = np.empty(0, np.int64)
        return QuarterArrays(none, none, np.empty((len(values), 0)), none)
    if count.max() > 1:
        of = np.repeat(np.arange(len(used)), count)
        begin, end, asset, rates = begin[of], end[of], asset[of], rates[:, of]
        quarter = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    else:
        quarter = first
    covered = np.minimum(end, (quarter + 1) * QUARTER) - np.maximum(begin, quarter * QUARTER)
    is_first = np.empty(len(quarter), bool)
    is_first[0] = True
    is_first[1:] = (quarter[1:] != quarter[:-1]) | (asset[1:] != asset[:-1])
    at = np.flatnonzero(is_first)
    return QuarterArrays(
        asset[at],
        quarter[at] * QUARTER_SECONDS,
        np.add.reduceat(rates * covered, at, axis=1),
        np.add.reduceat(covered, at),
    )
