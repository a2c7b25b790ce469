"""Energy by quarter hour, exactly.

A reading at `t` describes the time from `t` to its end, which is where the next reading begins, unless that is too far
away. Power is constant and energy is uniform over that time, and is shared among the quarters pro rata. What no reading
describes is missing, not zero. Quarters begin at :00, :15, :30 and :45 UTC and are named by their beginning.

Times are whole microseconds since 1970, UTC; numbers are doubles, taken as the exact fractions that they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

MICROSECONDS = 1_000_000  # of a second
QUARTER_SECONDS = 900
QUARTER = QUARTER_SECONDS * MICROSECONDS
HOUR = 4 * QUARTER
DEFAULT_MAX_GAP = HOUR


class Reading(NamedTuple):
    """`value` in kW, or in kWh where `is_energy`; None marks a gap: the reading before ends here, and nothing begins.

    `interval` is the declared length of its time, `step` the typical one of the readings it came with, both µs.
    """

    time: int
    value: float | None
    is_energy: bool = False
    interval: int | None = None
    step: int | None = None


@dataclass
class QuarterSum:
    """`energy` in kWh of the `covered` part (µs) of a quarter."""

    energy: Fraction
    covered: int


def typical_step(times: Sequence[int], max_gap: int = DEFAULT_MAX_GAP) -> int | None:
    """Lower median of the steps up to `max_gap` between times in order; None where there is none.

    >>> typical_step([0, 5, 65], max_gap=60)
    5
    """
    steps = sorted(step for a, b in pairwise(times) if 0 < (step := b - a) <= max_gap)
    return steps[(len(steps) - 1) // 2] if steps else None


def ends(readings: Sequence[Reading], max_gap: int = DEFAULT_MAX_GAP) -> list[int]:
    """Where the time of each reading ends, µs. They are in order, and no two have the same time.

    The first one is taken to have none before it.
    """
    found = []
    before = None
    for place, reading in enumerate(readings):
        time = reading.time
        following = readings[place + 1].time if place + 1 < len(readings) else None
        if reading.interval is not None:
            end = time + reading.interval
        elif following is not None and following - time <= max_gap:
            end = following
        elif reading.step is not None:
            end = time + reading.step
        elif before is not None and time - before <= max_gap:
            end = time + (time - before)
        else:
            end = time + QUARTER
        found.append(end if following is None else min(end, following))
        before = time
    return found


def quarters_of(readings: Sequence[Reading], max_gap: int = DEFAULT_MAX_GAP) -> dict[int, QuarterSum]:
    """Energy of each quarter that is covered in part at least, by its beginning (Unix time, s), in order."""
    found: dict[int, QuarterSum] = {}
    for reading, end in zip(readings, ends(readings, max_gap), strict=True):
        if reading.value is None or end <= reading.time:
            continue
        if reading.is_energy:
            whole = end - reading.time if reading.interval is None else reading.interval
            a_microsecond = Fraction(reading.value) / whole
        else:
            a_microsecond = Fraction(reading.value) / HOUR
        for start, covered in _shares(reading.time, end):
            into = found.get(start)
            if into is None:
                found[start] = QuarterSum(a_microsecond * covered, covered)
            else:
                into.energy += a_microsecond * covered
                into.covered += covered
    return found


def _shares(begin: int, end: int) -> Iterable[tuple[int, int]]:
    """(beginning of a quarter, s; µs of it) of the time from `begin` to `end`."""
    at = begin
    while at < end:
        quarter = at // QUARTER
        until = min(end, (quarter + 1) * QUARTER)
        yield quarter * QUARTER_SECONDS, until - at
        at = until
