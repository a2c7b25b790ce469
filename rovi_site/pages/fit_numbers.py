"""The numbers of a fit as people read them: the digits that the uncertainty leaves, in handy units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rovi_site.pages.numbers import UNKNOWN, digits_for, number
from twin.health import DEVIATIONS_OF_BAND
from twin.models import ParameterSet

# By the unit they are found in: a factor and the unit they are shown in. Shares and SOC are shown in per cent.
SHOWN_IN = {"Ω": (1e3, "mΩ"), "": (1e2, "%"), "Ah": (1.0, "Ah"), "V": (1.0, "V"), "s": (1.0, "s")}
MILLIVOLTS = ("sensor_std", "offset_a_day", "offset_std")
MOST_DIGITS = 4


@dataclass(frozen=True)
class FindingRow:
    name: str
    title: str
    value: str
    spread: str
    unit: str
    rows: int
    how: str


@dataclass(frozen=True)
class FitTile:
    label: str
    value: str
    unit: str
    spread: str


def finding_rows(fitted: ParameterSet) -> list[FindingRow]:
    rows = []
    for each in fitted.findings:
        factor, unit = (1e3, "mV") if each["name"] in MILLIVOLTS else SHOWN_IN.get(each["unit"], (1.0, each["unit"]))
        std = factor * each["std"]
        digits = digits_for(std, 3, MOST_DIGITS)
        rows.append(
            FindingRow(
                each["name"],
                each["title"],
                number(factor * each["value"], digits),
                number(DEVIATIONS_OF_BAND * std, digits),
                unit,
                each["rows"],
                each["how"],
            )
        )
    return rows


def tiles_of(fitted: ParameterSet) -> list[FitTile]:
    """Capacity, R0, RC pairs, error and NIS."""
    by_name = {row.name: row for row in finding_rows(fitted)}
    tiles = [
        FitTile(label, row.value, row.unit, f"±{row.spread} {row.unit}")
        for name, label in (("capacity_ah", "Capacity"), ("r0_ohm", "R0"))
        if (row := by_name.get(name)) is not None
    ]
    pairs = [name for name in ("rc1", "rc2") if f"{name}_ohm" in by_name]
    for place, name in enumerate(pairs, start=1):
        ohm, seconds = by_name[f"{name}_ohm"], by_name[f"{name}_seconds"]
        tiles.append(FitTile(f"RC pair {place}", ohm.value, ohm.unit, f"±{ohm.spread} {ohm.unit}, {seconds.value} s"))
    if not pairs:
        tiles.append(FitTile("RC pairs", UNKNOWN, "", "none seen"))
    error = 1e3 * fitted.voltage_rmse
    tiles.append(FitTile("Voltage error", number(error, 1 if error < 100 else 0), "mV", "of the filter's predictions"))
    nis = fitted.mean_nis if math.isfinite(fitted.mean_nis) else None
    return [*tiles, FitTile("Mean NIS", number(nis, 2), "", "1 where the bands are right, less where errors last")]
