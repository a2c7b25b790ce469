"""SOC of each row: charge counted, tied down where the voltage tells it."""

import numpy as np

from energykit.fitting.rows import SECONDS_PER_HOUR, CellRows
from energykit.ocv import OcvTable
from energykit.ukf.rows import Floats

LONG_REST_SECONDS = 1_800.0
TAPERED_C_RATE = 0.2  # a charge that ended below this has arrived
LEAST_SLOPE_V = 0.4  # per unit of SOC; on a flatter stretch the voltage does not tell the SOC
SLOPE_WIDTH = 0.04


def soc_track(rows: CellRows, ocv: OcvTable, capacity_ah: float, ohm: float) -> Floats:
    """From charge counted, its drift taken out linearly between anchors; `ohm` corrects the last bit of current."""
    counted = rows.moved_ah / capacity_ah
    anchors = _anchors(rows, ocv, capacity_ah, ohm)
    if not anchors:
        return counted + _best_offset(rows, ocv, counted, ohm)
    places = np.array([place for place, _ in anchors])
    offsets = np.array([soc for _, soc in anchors]) - counted[places]
    return counted + np.interp(np.arange(len(rows)), places, offsets)


def _anchors(rows: CellRows, ocv: OcvTable, capacity_ah: float, ohm: float) -> list[tuple[int, float]]:
    found = []
    for place in _ends_of_long_rests(rows) + _ends_of_tapers(rows, capacity_ah):
        soc = ocv.soc_at(float(rows.voltage[place] - ohm * rows.current[place]))
        low, high = max(soc - SLOPE_WIDTH, 0.0), min(soc + SLOPE_WIDTH, 1.0)
        if (ocv.voltage_at(high) - ocv.voltage_at(low)) / (high - low) >= LEAST_SLOPE_V:
            found.append((place, soc))
    return sorted(set(found))


def _ends_of_long_rests(rows: CellRows) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], rows.is_rest.astype(np.int8), [0]))))
    return [
        int(last) - 1
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if rows.time[last - 1] - rows.time[first] >= LONG_REST_SECONDS
    ]


def _ends_of_tapers(rows: CellRows, capacity_ah: float) -> list[int]:
    """Last rows of charges whose current had fallen by half or more at a steady voltage."""
    charging = (rows.current > 0) & ~rows.is_rest
    ends = np.flatnonzero(charging[:-1] & ~charging[1:])
    begins = np.flatnonzero(charging & ~np.concatenate(([False], charging[:-1])))
    found = []
    for end in ends.tolist():
        begin = int(begins[np.searchsorted(begins, end, side="right") - 1])
        peak = float(rows.current[begin : end + 1].max())
        small = rows.current[end] <= min(0.5 * peak, TAPERED_C_RATE * capacity_ah)
        if small and rows.time[end] - rows.time[begin] > SECONDS_PER_HOUR / 6:
            found.append(end)
    return found


def _best_offset(rows: CellRows, ocv: OcvTable, counted: Floats, ohm: float) -> float:
    """The SOC at the first row that fits the voltages best."""
    step = max(len(rows) // 2_000, 1)
    voltage = rows.voltage[::step] - ohm * rows.current[::step]
    thin = counted[::step]
    knots, volts = np.array(ocv.soc), np.array(ocv.voltage)
    begin, width = 0.5, 1.5
    for _ in range(4):
        tried = np.linspace(begin - width, begin + width, 61)
        misses = [float(np.mean(np.abs(voltage - _extended(thin + each, knots, volts)))) for each in tried]
        begin, width = float(tried[int(np.argmin(misses))]), width / 12
    return begin


def _extended(soc: Floats, knots: Floats, volts: Floats) -> Floats:
    inside = np.interp(soc, knots, volts)
    low = np.minimum(soc - knots[0], 0.0) * (volts[1] - volts[0]) / (knots[1] - knots[0])
    high = np.maximum(soc - knots[-1], 0.0) * (volts[-1] - volts[-2]) / (knots[-1] - knots[-2])
    return np.asarray(inside + low + high)


def voltage_at(ocv: OcvTable, soc: Floats) -> Floats:
    """OcvTable.voltage_at for many at once."""
    return _extended(soc, np.array(ocv.soc), np.array(ocv.voltage))
