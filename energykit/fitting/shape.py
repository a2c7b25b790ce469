"""Capacity and OCV curve: from whole slow cycles where there are such, else from a preset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from energykit.errors import CannotFit
from energykit.fitting.curves import (
    GRID,
    KNOTS,
    Curve,
    FullHalfCycles,
    at_knots,
    between,
    full_half_cycles,
    mean_curve,
    partner_curve,
)
from energykit.fitting.half_cycles import HalfCycle
from energykit.fitting.preset_curve import PresetFit, best_preset
from energykit.fitting.rows import CellRows
from energykit.ocv import OcvTable
from energykit.ukf.rows import Floats

ONE_CYCLE_STD_SHARE = 0.01  # of a capacity that was measured once
CURRENT_STD_SHARE = 0.001  # of any charge: an ordinary current sensor
LARGEST_SCATTER_SHARE = 0.05
LEAST_SOC_RANGE = 0.3  # of a preset's curve
NEAR_EMPTY, STEEP_END_V = 0.02, 0.08  # cells fall by more than this over the last of their charge
TABLE_STD_V = 0.01  # of a preset's curve
LARGEST_PRESET_RMS_V = 0.06


@dataclass(frozen=True)
class Shape:
    capacity_ah: float
    capacity_std: float
    capacity_rows: int
    capacity_how: str
    ocv: OcvTable
    ocv_std: float  # V, about the middle of the curve
    ocv_rows: int
    ocv_how: str
    ohm: float  # all resistances together, as the curves show them
    warnings: tuple[str, ...] = ()
    charge: Curve | None = None
    discharge: Curve | None = None
    preset: PresetFit | None = None
    soc: Floats | None = None  # of each row, where it is known without the voltage
    soc_std: float = 0.0

    @property
    def needs_resistance(self) -> bool:
        """Whether the curve was measured in one direction only."""
        return self.preset is None and (self.charge is None or self.discharge is None)

    def corrected(self, total_ohm: float) -> "Shape":
        """A curve of one direction, brought to no current."""
        curve = self.charge or self.discharge
        assert curve is not None
        return replace(self, ocv=_table(curve.voltage - total_ohm * curve.current), ohm=total_ohm)


@dataclass(frozen=True)
class FitWishes:
    """What the caller knows; all may be left out.

    A preset's key and a capacity (Ah) count where no whole cycle shows them. `spans_all` says that the lowest and the
    highest point of the rows are empty and full, even if the rows begin or end there.
    """

    preset: str = ""
    capacity_ah: float | None = None
    spans_all: bool = False
    most_pairs: int = 2


def shape_of(rows: CellRows, halves: Sequence[HalfCycle], wishes: FitWishes) -> Shape:
    """Raises CannotFit where neither the rows nor the caller tell a capacity."""
    full = full_half_cycles(rows, halves, wishes.spans_all)
    if full is not None and (wishes.spans_all or _shows_empty(rows, full)):
        return _measured(rows, halves, full)
    return _from_preset(rows, wishes.preset, wishes.capacity_ah)


def _shows_empty(rows: CellRows, full: FullHalfCycles) -> bool:
    """Whether the lower end is the steep end of an empty cell, and not just where somebody stopped."""
    curve = mean_curve(rows, full.discharges or full.charges)
    near = GRID <= NEAR_EMPTY
    volts = curve.voltage[near]
    return bool(volts[-1] - volts[0] > STEEP_END_V)


def _measured(rows: CellRows, halves: Sequence[HalfCycle], full: FullHalfCycles) -> Shape:
    sizes = np.array([abs(half.moved_ah) for half in full.all])
    capacity = float(np.mean(sizes))
    scatter = float(np.std(sizes, ddof=1)) if len(sizes) > 1 else ONE_CYCLE_STD_SHARE * capacity
    charge = mean_curve(rows, full.charges) if full.charges else partner_curve(rows, halves, full, capacity, True)
    discharge = (
        mean_curve(rows, full.discharges) if full.discharges else partner_curve(rows, halves, full, capacity, False)
    )
    warnings = []
    if not full.is_slow:
        warnings.append(
            f"No slow cycle: the slowest whole one runs at {full.rate_in_words}. The OCV curve is read between its "
            "charge and discharge; one at C/20 would show it better."
        )
    if len(sizes) > 1 and scatter > LARGEST_SCATTER_SHARE * capacity:
        warnings.append(
            f"The whole cycles moved from {sizes.min():.3g} to {sizes.max():.3g} Ah: the cell has aged in between, and "
            "this is a mean of young and old. Choose fewer rows, the first for an estimator."
        )
    if charge is not None and discharge is not None:
        voltage, ohms = between(charge, discharge)
        ohm = float(np.median(ohms))
        how = "between charge and discharge at no current"
        ocv_std = float(np.median(np.abs(charge.voltage - discharge.voltage)[np.isfinite(ohms)])) / 4
        ocv_std = ocv_std if np.isfinite(ocv_std) else TABLE_STD_V
    else:
        only = charge or discharge
        assert only is not None
        word = "charges" if charge is not None else "discharges"
        voltage, ohm, ocv_std = only.voltage, 0.0, TABLE_STD_V
        how = f"from {word} alone, less what drops over the resistances"
        warnings.append(
            f"Only {word} run from end to end, so hysteresis is part of the OCV curve. A charge and a discharge at the "
            "same slow rate would show both."
        )
    lengths = sum(half.last - half.first + 1 for half in full.all)
    return Shape(
        capacity_ah=capacity,
        capacity_std=float(np.hypot(scatter, CURRENT_STD_SHARE * capacity)),
        capacity_rows=lengths,
        capacity_how=(
            f"charge between {full.lowest_voltage:.2f} V and {full.highest_voltage:.2f} V: "
            f"{_counted(full)} at up to {full.rate_in_words}"
        ),
        ocv=_table(voltage),
        ocv_std=ocv_std,
        ocv_rows=lengths,
        ocv_how=how,
        ohm=ohm,
        warnings=tuple(warnings),
        charge=charge,
        discharge=discharge,
    )


def _from_preset(rows: CellRows, preset: str, capacity_ah: float | None) -> Shape:
    span = float(np.ptp(rows.moved_ah))
    fit = best_preset(rows, preset, capacity_ah)
    if fit.rms > LARGEST_PRESET_RMS_V:
        raise CannotFit(
            f"These rows show no whole cycle, and no preset's OCV curve is like theirs: {fit.preset.title} comes "
            f"nearest and is off by {1e3 * fit.rms:.0f} mV.",
            "Choose rows with a whole charge or discharge, or say that they go from empty to full.",
            field="spans_all",
        )
    covered = fit.highest_soc - fit.lowest_soc
    if capacity_ah is None and (covered < LEAST_SOC_RANGE or fit.capacity_std > 0.5 * fit.capacity_ah):
        raise CannotFit(
            f"These rows move only {span:.3g} Ah and show no whole cycle, so they do not tell the capacity.",
            "Choose rows with a charge or discharge from end to end, or give the capacity. Where they do go from empty "
            "to full, say so.",
            field="capacity_ah",
        )
    chosen = "" if preset else " (the one that fits best; name another where you know the chemistry)"
    warnings = [
        f"No whole cycle: the OCV curve is that of the preset {fit.preset.title}{chosen}, stretched over "
        f"{round(100 * fit.lowest_soc)} to {round(100 * fit.highest_soc)} % SOC and moved by "
        f"{round(1e3 * fit.offset_v)} mV. Where it is wrong, capacity and SOC are wrong with it."
    ]
    if capacity_ah is not None:
        warnings.append("The capacity is the one that was given: these rows show no whole cycle.")
    return Shape(
        capacity_ah=fit.capacity_ah,
        capacity_std=fit.capacity_std or 0.05 * fit.capacity_ah,
        capacity_rows=0 if capacity_ah is not None else len(rows),
        capacity_how="as given" if capacity_ah is not None else "stretching the preset's curve over the charge moved",
        ocv=fit.ocv,
        ocv_std=float(np.hypot(fit.rms, TABLE_STD_V)),
        ocv_rows=len(rows),
        ocv_how=f"preset {fit.preset.title}, moved and stretched",
        ohm=fit.ohm,
        warnings=tuple(warnings),
        preset=fit,
        soc=fit.initial_soc + rows.moved_ah / fit.capacity_ah,
        soc_std=fit.initial_soc_std,
    )


def _counted(full: FullHalfCycles) -> str:
    counts = (("charge", len(full.charges)), ("discharge", len(full.discharges)))
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts if count)


def _table(voltage: Floats) -> OcvTable:
    return OcvTable(tuple(KNOTS.tolist()), tuple(at_knots(voltage).tolist()))
