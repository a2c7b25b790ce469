"""The OCV curve out of full charges and discharges: where both meet at no current."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energykit.fitting.half_cycles import HalfCycle
from energykit.fitting.rows import CellRows
from energykit.ukf.rows import Floats

SLOW_C_RATE = 0.125  # "about C/10" and what rounds to it
SAME_RATE = 1.3  # half cycles at up to so many times the slowest current are averaged with it
SAME_END_V = 0.02  # two charges that end within this ended at the same point
FEWEST_ROWS_OF_CURVE = 12
KNOTS = np.array([0, 0.01, 0.02, 0.04, 0.07, *(share / 20 for share in range(2, 19)), 0.93, 0.96, 0.98, 1.0])
GRID = np.linspace(0.0, 1.0, 501)
LEAST_RISE_V = 1e-6  # from knot to knot


@dataclass(frozen=True)
class FullHalfCycles:
    """Charges and discharges between the same two end points, the slowest of them for each direction."""

    charges: tuple[HalfCycle, ...]
    discharges: tuple[HalfCycle, ...]
    lowest_voltage: float
    highest_voltage: float

    @property
    def all(self) -> tuple[HalfCycle, ...]:
        return (*self.charges, *self.discharges)

    @property
    def c_rate(self) -> float:
        """Of the fastest among them."""
        return max(abs(each.mean_current / each.moved_ah) for each in self.all)

    @property
    def rate_in_words(self) -> str:
        return f"C/{1 / self.c_rate:.3g}" if self.c_rate < 1 else f"{self.c_rate:.2g}C"

    @property
    def is_slow(self) -> bool:
        return self.c_rate < SLOW_C_RATE


def full_half_cycles(rows: CellRows, halves: Sequence[HalfCycle], trusts_ends: bool) -> FullHalfCycles | None:
    """Those between the ends that the slowest share, or most share where none is slow; None where none is whole.

    With `trusts_ends` the first and the last row are ends too.
    """
    whole = [
        each for each in halves if (trusts_ends or (each.begins_at_turn and each.ends_at_turn)) and _rows_of(rows, each)
    ]
    if not whole:
        return None
    slowest = min(whole, key=lambda each: abs(each.mean_current / each.moved_ah))
    if abs(slowest.mean_current / slowest.moved_ah) < SLOW_C_RATE:
        model = slowest
    else:
        model = max(whole, key=lambda each: (sum(_same_ends(each, other) for other in whole), abs(each.moved_ah)))
    alike = [each for each in whole if _same_ends(model, each)]
    charges = _slowest([each for each in alike if each.is_charge])
    discharges = _slowest([each for each in alike if not each.is_charge])
    ends = [(each.start_voltage, each.end_voltage) for each in (*charges, *discharges)]
    return FullHalfCycles(
        charges, discharges, float(np.mean([min(pair) for pair in ends])), float(np.mean([max(pair) for pair in ends]))
    )


@dataclass(frozen=True)
class Curve:
    """Voltage (V) and current (A) over the state of charge, on GRID; NaN where nothing was measured."""

    voltage: Floats
    current: Floats


def mean_curve(rows: CellRows, halves: Sequence[HalfCycle]) -> Curve:
    """Of whole half cycles."""
    curves = [_curve_of(rows, each, 0.0, 1.0) for each in halves]
    return Curve(np.mean([each.voltage for each in curves], axis=0), np.mean([each.current for each in curves], axis=0))


def partner_curve(
    rows: CellRows, halves: Sequence[HalfCycle], full: FullHalfCycles, capacity_ah: float, is_charge: bool
) -> Curve | None:
    """Of the slowest half cycle in this direction that shares one end with the whole ones; NaN where it does not go."""
    found: list[tuple[float, HalfCycle, bool]] = []
    for each in halves:
        if each.is_charge != is_charge or abs(each.moved_ah) > 1.02 * capacity_ah or not _rows_of(rows, each):
            continue
        high = each.end_voltage if is_charge else each.start_voltage
        low = each.start_voltage if is_charge else each.end_voltage
        knows_high = each.ends_at_turn if is_charge else each.begins_at_turn
        knows_low = each.begins_at_turn if is_charge else each.ends_at_turn
        if knows_high and abs(high - full.highest_voltage) < SAME_END_V:
            found.append((abs(each.mean_current), each, True))
        elif knows_low and abs(low - full.lowest_voltage) < SAME_END_V:
            found.append((abs(each.mean_current), each, False))
    alike = [one for one in found if one[0] <= 2.0 * abs(full.all[0].mean_current)]
    if not alike:
        return None
    _, half, shares_top = min(alike, key=lambda one: one[0])
    share = abs(half.moved_ah) / capacity_ah
    return _curve_of(rows, half, 1.0 - share, 1.0) if shares_top else _curve_of(rows, half, 0.0, share)


def between(charge: Curve, discharge: Curve) -> tuple[Floats, Floats]:
    """Voltage at no current on GRID, on a straight line from the discharge to the charge, and its slope in Ω."""
    ohm = (charge.voltage - discharge.voltage) / (charge.current - discharge.current)
    there = np.isfinite(ohm)
    ohm = np.interp(GRID, GRID[there], ohm[there])
    whole = discharge if np.isfinite(discharge.voltage).all() else charge
    return whole.voltage - whole.current * ohm, ohm


def at_knots(voltage: Floats) -> Floats:
    """A voltage on GRID as one at each of KNOTS, by least squares, rising from knot to knot."""
    hats = hat_functions(GRID, KNOTS)
    fitted = np.linalg.lstsq(hats, voltage, rcond=None)[0]
    rising = np.maximum.accumulate(fitted) + LEAST_RISE_V * np.arange(len(KNOTS))
    return np.asarray(rising)


def hat_functions(soc: Floats, knots: Floats) -> Floats:
    """(len(soc), len(knots)): what each knot's voltage counts for at each SOC, straight on beyond the ends."""
    segment = np.clip(np.searchsorted(knots, soc, side="right") - 1, 0, len(knots) - 2)
    share = (soc - knots[segment]) / (knots[segment + 1] - knots[segment])
    hats = np.zeros((len(soc), len(knots)))
    places = np.arange(len(soc))
    hats[places, segment], hats[places, segment + 1] = 1.0 - share, share
    return hats


def _curve_of(rows: CellRows, half: HalfCycle, lowest_soc: float, highest_soc: float) -> Curve:
    place = _rows_of(rows, half)
    gone = np.abs(rows.moved_ah[place] - rows.moved_ah[half.first]) / abs(half.moved_ah)
    soc = lowest_soc + gone * (highest_soc - lowest_soc)
    if not half.is_charge:
        soc = lowest_soc + highest_soc - soc
    order = np.argsort(soc, kind="stable")
    covers = (lowest_soc <= GRID) & (highest_soc >= GRID)
    voltage, current = (
        np.where(covers, np.interp(GRID, soc[order], values[place][order]), np.nan)
        for values in (rows.voltage, rows.current)
    )
    return Curve(voltage, current)


def _rows_of(rows: CellRows, half: HalfCycle) -> list[int]:
    """Rows in which its current flows; none where they are too few for a curve."""
    span = np.arange(half.first, half.last + 1)
    flowing = span[rows.current[span] * half.moved_ah > 0]
    flowing = flowing[~rows.is_rest[flowing]] if abs(half.mean_current) > 0.05 * rows.greatest_current else flowing
    return flowing.tolist() if len(flowing) >= FEWEST_ROWS_OF_CURVE else []


def _same_ends(one: HalfCycle, other: HalfCycle) -> bool:
    return (
        abs(min(one.start_voltage, one.end_voltage) - min(other.start_voltage, other.end_voltage)) < SAME_END_V
        and abs(max(one.start_voltage, one.end_voltage) - max(other.start_voltage, other.end_voltage)) < SAME_END_V
    )


def _slowest(halves: Sequence[HalfCycle]) -> tuple[HalfCycle, ...]:
    if not halves:
        return ()
    least = min(abs(each.mean_current) for each in halves)
    return tuple(each for each in halves if abs(each.mean_current) <= SAME_RATE * least)
