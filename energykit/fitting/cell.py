"""The fit of a cell to its rows, step by step: sign, capacity, OCV, resistances, noises."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from energykit.errors import CannotFit
from energykit.fitting import sentences
from energykit.fitting.findings import findings_of
from energykit.fitting.half_cycles import half_cycles
from energykit.fitting.noises import Noises, fitted_noises
from energykit.fitting.plots import plots_of
from energykit.fitting.result import CellFit
from energykit.fitting.rows import CellRows, cell_rows
from energykit.fitting.shape import FitWishes, Shape, shape_of
from energykit.fitting.soc_track import soc_track, voltage_at
from energykit.fitting.steps import Resistances, Steps, current_steps, resistances, share_of_falling_steps
from energykit.ukf.rows import Floats

Tell = Callable[[float, str], None]

FALLING_STEPS = 0.8
SLOPE_WIDTH = 0.01
INITIAL_SOC_STD = 0.02
LEAST_R0_SHARE, LEAST_CAPACITY_SHARE = 0.05, 0.01  # standard deviations to begin with are at least these
INITIAL_OFFSET_STD_V = 3e-3
INITIAL_RC_STD_C_RATE = 0.02


def _silent(fraction: float, message: str) -> None:
    """Nobody listens."""


@dataclass
class Knowledge:
    """What has been found so far."""

    rows: CellRows
    shape: Shape
    soc: Floats
    steps: Steps | None
    resistances: Resistances | None
    noises: Noises | None = None
    warnings: list[str] = field(default_factory=list)


def fit_cell(
    time: Floats,
    current: Floats,
    voltage: Floats,
    temperature: Floats | None = None,
    wishes: FitWishes | None = None,
    tell: Tell = _silent,
) -> CellFit:
    """A cell model from rows of test time (s), current (A, positive while charging), voltage (V), temperature (°C).

    `tell(fraction, message)` hears of progress. Raises BadRows for too few rows and CannotFit where no capacity can
    be found; whatever else the data cannot tell is a sentence among the warnings.
    """
    wishes = wishes or FitWishes()
    rows = cell_rows(time, current, voltage, temperature)
    if rows.greatest_current == 0:
        raise CannotFit(
            "No current flows in these rows, so they show neither capacity nor resistance.",
            "Choose rows with at least one charge or discharge.",
        )
    tell(0.05, "Looking for charges, discharges and current steps.")
    rows, warnings = _with_the_right_sign(rows)
    shape = shape_of(rows, half_cycles(rows), wishes)
    tell(0.2, "Fitting resistances to current steps.")
    known = _with_resistances(rows, shape, wishes.most_pairs)
    known.warnings = [*warnings, *sentences.about_rows(rows, shape), *shape.warnings]
    known.warnings += sentences.about_steps(known.steps, known.resistances, rows)
    tell(0.3, "Running the filter to find its noises.")
    cell = _cell_mapping(known)
    known.noises = fitted_noises(rows, cell, lambda share: tell(0.3 + 0.65 * share, "Trying noises."))
    known.warnings += sentences.about_noises(known.noises, rows)
    noises = known.noises
    errors = noises.result.innovation[noises.result.stepped]
    return CellFit(
        parameters=noises.parameters,
        findings=findings_of(known),
        warnings=tuple(known.warnings),
        rows=len(rows),
        first_time=float(rows.time[0]),
        last_time=float(rows.time[-1]),
        mean_nis=noises.mean_nis,
        voltage_rmse=float(np.sqrt(np.mean(errors**2))),
        plots=plots_of(known),
    )


def _with_the_right_sign(rows: CellRows) -> tuple[CellRows, list[str]]:
    steps = current_steps(rows)
    if steps is not None and len(steps.before) >= 2:
        falls = share_of_falling_steps(rows, steps) > FALLING_STEPS
    else:
        moves = np.ptp(rows.moved_ah) > 0 and np.ptp(rows.voltage) > 0
        falls = bool(moves and np.corrcoef(rows.moved_ah, rows.voltage)[0, 1] < -0.5)
    return (rows.reversed_current(), [sentences.WRONG_SIGN]) if falls else (rows, [])


def _with_resistances(rows: CellRows, shape: Shape, most_pairs: int) -> Knowledge:
    """Twice: SOC where current flows is read off the voltage the better, the better the resistance is known."""
    steps, ohm, found = current_steps(rows), shape.ohm, None
    soc = shape.soc if shape.soc is not None else soc_track(rows, shape.ocv, shape.capacity_ah, ohm)
    for _ in range(2 if steps else 0):
        assert steps is not None
        rest_voltage = voltage_at(shape.ocv, soc)
        slope = voltage_at(shape.ocv, soc + SLOPE_WIDTH) - voltage_at(shape.ocv, soc - SLOPE_WIDTH)
        found = resistances(rows, rest_voltage, slope / (2 * SLOPE_WIDTH), steps, most_pairs)
        if found is None or not shape.needs_resistance:
            break
        shape = shape.corrected(found.total_ohm)
        soc = soc_track(rows, shape.ocv, shape.capacity_ah, found.total_ohm)
    return Knowledge(rows, shape, soc, steps, found)


def _cell_mapping(known: Knowledge) -> dict[str, Any]:
    """Everything but the noises."""
    shape, found = known.shape, known.resistances
    capacity = shape.capacity_ah
    r0 = found.r0_ohm if found else max(shape.ohm, 1e-4)
    r0_std = max(found.r0_std if found and np.isfinite(found.r0_std) else 0.2 * r0, LEAST_R0_SHARE * r0)
    pairs = found.pairs if found else ()
    soc = float(np.clip(known.soc[0], 0.0, 1.0))
    variances = [
        max(INITIAL_SOC_STD, shape.soc_std) ** 2,
        *[(INITIAL_RC_STD_C_RATE * capacity) ** 2] * len(pairs),
        INITIAL_OFFSET_STD_V**2,
        max(shape.capacity_std, LEAST_CAPACITY_SHARE * capacity) ** 2,
        r0_std**2,
    ]
    return {
        "capacity_ah": float(capacity),
        "r0_ohm": float(r0),
        "rc_pairs": [{"ohm": ohm, "farad": seconds / ohm} for ohm, seconds in pairs],
        "ocv_soc": list(shape.ocv.soc),
        "ocv_voltage": [round(float(each), 6) for each in shape.ocv.voltage],
        "coulombic_efficiency": 1.0,
        "initial_soc": soc,
        "initial_covariance": variances,
    }
