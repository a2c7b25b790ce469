"""Columns of numbers for the plots of a fit, few enough to be stored with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from energykit.fitting.curves import GRID
from energykit.fitting.result import Series, as_series
from energykit.fitting.soc_track import voltage_at
from energykit.fitting.steps import rc_currents

if TYPE_CHECKING:
    from energykit.fitting.cell import Knowledge

MOST_POINTS = 800
CURVE_STEP = 5  # every fifth point of the grid
DIGITS_OF_A_STEP = 20.0  # steps within a twentieth of the greatest current are alike
BAND = 1.96


def plots_of(known: Knowledge) -> dict[str, Any]:
    """`ocv` (SOC, V), `pulses` (s since the step, mV), `voltage` (measured and predicted), `residuals` (mV, band)."""
    return {
        "ocv": _ocv(known),
        "pulses": _pulses(known),
        "voltage": _voltage(known),
        "residuals": _residuals(known),
    }


def _ocv(known: Knowledge) -> dict[str, Series]:
    shape = known.shape
    drawn = {"fit": as_series(soc=shape.ocv.soc, voltage=shape.ocv.voltage)}
    for name, curve in (("charge", shape.charge), ("discharge", shape.discharge)):
        if curve is not None:
            there = np.isfinite(curve.voltage)
            drawn[name] = as_series(soc=GRID[there][::CURVE_STEP], voltage=curve.voltage[there][::CURVE_STEP])
    if shape.preset is not None:
        place = _thin(len(known.rows))
        drawn["rows"] = as_series(soc=known.soc[place], voltage=_at_no_current(known)[place])
    return drawn


def _at_no_current(known: Knowledge) -> Any:
    """Measured voltage less what drops over the resistances."""
    rows, found = known.rows, known.resistances
    if found is None:
        return rows.voltage - known.shape.ohm * rows.current
    ohms = np.array([ohm for ohm, _ in found.pairs])
    slow = rc_currents(rows.time, rows.current, np.array([seconds for _, seconds in found.pairs]))
    return rows.voltage - found.r0_ohm * rows.current - slow @ ohms


def _pulses(known: Knowledge) -> list[Series]:
    """The largest step to rest and the largest to a current: measured and fitted change of voltage in mV after it."""
    rows, found = known.rows, known.resistances
    if found is None:
        return []
    ohms = np.array([ohm for ohm, _ in found.pairs])
    slow = rc_currents(rows.time, rows.current, np.array([seconds for _, seconds in found.pairs]))
    rest = voltage_at(known.shape.ocv, known.soc)
    fitted = rest + found.r0_ohm * rows.current + slow @ ohms
    drawn = []
    for first, end in _largest(known, found.windows):
        place = first + _thin(end - first, 150)
        level = rows.voltage[first:end].mean() - fitted[first:end].mean()
        drawn.append(
            as_series(
                seconds=rows.time[place] - rows.time[first],
                measured_mv=1e3 * (rows.voltage[place] - rows.voltage[first]),
                fitted_mv=1e3 * (fitted[place] + level - rows.voltage[first]),
                current=rows.current[place],
            )
        )
    return drawn


def _largest(known: Knowledge, windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of steps alike the one with most rows."""
    rows, chosen = known.rows, []
    for to_rest in (True, False):
        alike = [window for window in windows if bool(rows.is_rest[window[0] + 1]) == to_rest]
        if alike:
            size = rows.greatest_current / DIGITS_OF_A_STEP
            chosen.append(
                max(alike, key=lambda w: (round(abs(rows.current[w[0] + 1] - rows.current[w[0]]) / size), w[1] - w[0]))
            )
    return chosen


def _voltage(known: Knowledge) -> Series:
    assert known.noises is not None
    result = known.noises.result
    place = np.flatnonzero(result.stepped)
    place = place[_thin(len(place))]
    rows = known.rows
    return as_series(time=rows.time[place], measured=rows.voltage[place], predicted=result.predicted_voltage[place])


def _residuals(known: Knowledge) -> Series:
    assert known.noises is not None
    result = known.noises.result
    place = np.flatnonzero(result.stepped)
    place = place[_thin(len(place))]
    return as_series(
        time=known.rows.time[place],
        residual_mv=1e3 * result.innovation[place],
        band_mv=1e3 * BAND * np.sqrt(result.innovation_variance[place]),
    )


def _thin(rows: int, most: int = MOST_POINTS) -> Any:
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))
