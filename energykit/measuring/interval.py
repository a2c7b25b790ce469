"""Two rows that follow on each other, and what flowed between them.

Charge and energy are integrated by the trapezoidal rule, as battery-data-toolkit does it: the current between two rows
is the straight line through both. Of a current that tapers off it errs with the square of the rows' distance, where a
rectangle errs with the distance itself. At a step of current between two rows it counts the mean of both, so it can be
wrong by half of the step times the time between these rows. Where the line crosses zero, the part above it is charge
and the part below it discharge.
"""

from __future__ import annotations

from typing import NamedTuple

from energykit.measuring.rules import SECONDS_AN_HOUR


class Row(NamedTuple):
    """A usable row: time (s), current (A, positive while charging), voltage (V) are finite, the others may be NaN."""

    row_id: int
    time: float
    current: float
    voltage: float
    temperature: float  # °C
    cycle_number: float


class Interval(NamedTuple):
    """What flowed from one row to the next, in h times the unit of what flowed. `is_gap`: too long to tell."""

    seconds: float
    charge_ah: float
    discharge_ah: float
    charge_wh: float
    discharge_wh: float
    is_gap: bool


def interval_between(before: Row, after: Row, gap_seconds: float) -> Interval:
    seconds = after.time - before.time
    if seconds > gap_seconds:
        return Interval(seconds, 0.0, 0.0, 0.0, 0.0, True)
    charge, discharge = areas(seconds, before.current, after.current)
    gained, given = areas(seconds, before.current * before.voltage, after.current * after.voltage)
    return Interval(seconds, charge, discharge, gained, given, False)


def areas(seconds: float, first: float, last: float) -> tuple[float, float]:
    """Above and below zero under the straight line from `first` to `last`, both positive, times h.

    >>> areas(3600.0, 1.0, 3.0)
    (2.0, 0.0)
    >>> areas(3600.0, 1.0, -1.0)
    (0.25, 0.25)
    """
    hours = seconds / SECONDS_AN_HOUR
    if first >= 0.0 <= last:
        return 0.5 * (first + last) * hours, 0.0
    if first <= 0.0 >= last:
        return 0.0, -0.5 * (first + last) * hours
    share = first / (first - last)  # of the interval, before the line crosses zero
    of_first, of_last = 0.5 * abs(first) * share * hours, 0.5 * abs(last) * (1.0 - share) * hours
    return (of_first, of_last) if first > 0.0 else (of_last, of_first)
