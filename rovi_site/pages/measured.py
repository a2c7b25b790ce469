"""The tab of a battery's page that shows what was measured: cycles, capacity, resistance, totals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.numbers import UNKNOWN, digits_for, duration, number
from rovi_site.pages.ranges import TimeRange
from rovi_site.pages.series import truth_series
from twin.measured import BatteryTotals, cycles_with_capacities, resistances_of, totals_of
from twin.queries import current_estimator, estimates
from twin.states import missing_columns

if TYPE_CHECKING:
    import numpy as np

NEWEST_CYCLES = 20
MOST_DRAWN = 1000
WH_A_KWH = 1000.0


# --- the tab -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BandRow:
    label: str
    percent: float
    time: str


@dataclass(frozen=True)
class Fact:
    label: str
    value: str


def measured_context(battery: Battery) -> dict[str, Any]:
    totals = totals_of(battery)
    return {
        "totals": totals,
        "why_empty": _why_empty(battery, totals),
        "facts": _facts(totals) if totals.rows else [],
        "soc_rows": _band_rows(totals.soc_bands, 100.0, "%"),
        "temperature_rows": _band_rows(totals.temperature_bands, 1.0, "°C"),
        "cycle_rows": _cycle_rows(battery, totals.cycles),
        "newest_cycles": NEWEST_CYCLES,
    }


def _why_empty(battery: Battery, totals: BatteryTotals) -> str:
    """Why there is nothing to show; empty where there is something."""
    if totals.rows:
        return ""
    if not battery.rows:
        return "Nothing is measured yet: the first row begins it."
    missing = missing_columns(battery.columns)
    if missing:
        return f"Nothing can be measured: the rows have no column {', '.join(missing)}. Send it, or rename the field."
    return "Nothing is measured yet: a worker does it within a minute."


def _facts(totals: BatteryTotals) -> list[Fact]:
    sums = {name: value or 0.0 for name, value in totals.sums.items()}
    known = sums["charging_seconds"] + sums["discharging_seconds"] + sums["resting_seconds"]
    shares = {name: 100 * sums[f"{name}_seconds"] / known if known else None for name in ("charging", "discharging")}
    facts = [
        Fact("Equivalent full cycles", number(totals.efc, 1)),
        Fact("Charged, discharged", f"{number(sums['charge_ah'], 2)} Ah, {number(sums['discharge_ah'], 2)} Ah"),
        Fact(
            "Energy in, out",
            f"{number(sums['charge_wh'] / WH_A_KWH, 3)} kWh, {number(sums['discharge_wh'] / WH_A_KWH, 3)} kWh",
        ),
        Fact("Charging", f"{number(shares['charging'], 1)} % of the time, {duration(sums['charging_seconds'])}"),
        Fact("Discharging", f"{number(shares['discharging'], 1)} %, {duration(sums['discharging_seconds'])}"),
        Fact("Resting", duration(sums["resting_seconds"])),
        Fact("Not integrated", _gaps(sums)),
        Fact("Voltage", _span(totals, "voltage", 3, "V")),
        Fact("Current", _span(totals, "current", 2, "A")),
        Fact("Temperature", _span(totals, "temperature", 1, "°C")),
        Fact("Nominal capacity", f"{number(totals.nominal_capacity_ah, 2)} Ah"),
    ]
    if totals.open_cycle is not None:
        cycle = totals.open_cycle
        moved = f"{number(cycle.charge_ah, 2)} Ah charged, {number(cycle.discharge_ah, 2)} Ah discharged so far"
        facts.insert(1, Fact("Cycles", f"{totals.cycles} whole; in cycle {cycle.number} {moved}"))
    return facts


def _gaps(sums: dict[str, float]) -> str:
    gaps = sums["gaps"]
    return f"{duration(sums['gap_seconds'])} in {gaps:.0f} {'gap' if gaps == 1 else 'gaps'}" if gaps else "nothing"


def _span(totals: BatteryTotals, name: str, digits: int, unit: str) -> str:
    low, high = totals.sums[f"lowest_{name}"], totals.sums[f"highest_{name}"]
    if low is None:
        return UNKNOWN
    return f"{number(low, digits)} to {number(high, digits)} {unit}"


def _band_rows(bands: Iterable[Any], scale: float, unit: str) -> list[BandRow]:
    """From the first band with time in it to the last; empty where none has."""
    bands = list(bands)
    total = sum(band.seconds for band in bands)
    if not total:
        return []
    spent = [place for place, band in enumerate(bands) if band.seconds]
    return [
        BandRow(_label(band, scale, unit), 100 * band.seconds / total, duration(band.seconds))
        for band in bands[spent[0] : spent[-1] + 1]
    ]


def _label(band: Any, scale: float, unit: str) -> str:
    if band.above is None:
        return f"below {number(band.below * scale, 0)} {unit}"
    if band.below is None:
        return f"{number(band.above * scale, 0)} {unit} and more"
    return f"{number(band.above * scale, 0)} to {number(band.below * scale, 0)} {unit}"


def _cycle_rows(battery: Battery, cycles: int) -> list[dict[str, Any]]:
    """The newest whole cycles, newest first, as text."""
    columns = cycles_with_capacities(battery, after=cycles - NEWEST_CYCLES - 1)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*(c.tolist() for c in columns.values()))]  # noqa: B905
    return [
        {
            "cycle": row["cycle"],
            "duration": duration(row["duration_s"]),
            "gap": duration(row["gap_seconds"]) if row["gap_seconds"] else "",
            "charge": number(row["charge_ah"], 3),
            "discharge": number(row["discharge_ah"], 3),
            "energy": number(row["discharge_wh"], 2),
            "efficiency": number(100 * row["efficiency"], 2),
            "energy_efficiency": number(100 * row["energy_efficiency"], 1),
            "temperature": number(row["mean_temperature"], 1),
            "capacity": _spread(row["measured_ah"], row["measured_sd_ah"]),
            "kind": row["kind"],
            "efc": number(row["efc"], 1),
        }
        for row in reversed(rows)
    ]


def _spread(mean: float, sd: float) -> str:
    digits = digits_for(sd, 3)
    return number(mean, digits) if not math.isfinite(sd) else f"{number(mean, digits)} ± {number(sd, digits)}"


# --- its charts ----------------------------------------------------------------------------------------------------
@require_GET
@page_for(Role.VIEWER)
def measured_series(request: HttpRequest, battery_id: int) -> ChartAnswer:
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    return ChartAnswer({"cycles": _cycle_series(battery), "resistance": _resistance_series(battery)})


def _cycle_series(battery: Battery) -> dict[str, Any]:
    """Over cycle numbers; every so many-th where there are very many."""
    total = battery.measured_cycles.count()
    every = max(1, math.ceil(total / MOST_DRAWN))
    cycles = cycles_with_capacities(battery, every=every)
    is_full, is_scaled = (cycles["kind"] == kind for kind in ("full", "scaled"))
    measured, measured_sd = cycles["measured_ah"], cycles["measured_sd_ah"]
    return {
        "total": total,
        "shown": len(cycles["cycle"]),
        "cycle": cycles["cycle"].tolist(),
        "discharge": _finite(cycles["discharge_ah"]),
        "full": _only(measured, is_full),
        "full_sd": _only(measured_sd, is_full),
        "scaled": _only(measured, is_scaled),
        "scaled_sd": _only(measured_sd, is_scaled),
        "estimated": _estimated(cycles),
        "truth": _true_capacity(battery, cycles["start_time"]),
        "efficiency": _finite(100 * cycles["efficiency"]),
        "energy_efficiency": _finite(100 * cycles["energy_efficiency"]),
    }


def _estimated(cycles: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """Only where there is an estimate: a cycle without a discharge has none, and that is no gap in the line."""
    known = cycles["estimated_ah"] == cycles["estimated_ah"]
    names = {"cycle": "cycle", "mean": "estimated_ah", "sd": "estimated_sd_ah"}
    return {shown: cycles[name][known].tolist() for shown, name in names.items()}


def _resistance_series(battery: Battery) -> dict[str, Any]:
    """Over test time, in mΩ."""
    steps = resistances_of(battery, most=MOST_DRAWN)
    charge = steps["is_charge"]
    estimator = current_estimator(battery)
    names = [name.split(".")[0].split("[")[0] for name in estimator.progress.state_names] if estimator else []
    estimated: dict[str, Any] | None = None
    if estimator is not None and "r0" in names:
        block, place = estimates(estimator, points=MOST_DRAWN), names.index("r0")
        estimated = {
            "t": block.test_time.tolist(),
            "mean": (1000 * block.means[:, place]).tolist(),
            "sd": (1000 * block.standard_deviations[:, place]).tolist(),
        }
    truth = truth_series(battery, _whole(battery))
    return {
        "total": battery.measured_resistances.count(),
        "t": steps["test_time"].tolist(),
        "charge": _only(1000 * steps["ohm"], charge),
        "discharge": _only(1000 * steps["ohm"], ~charge),
        "sd": _finite(1000 * steps["ohm_sd"]),
        "longest_delay": float(steps["delay_s"].max()) if len(charge) else None,
        "estimated": estimated,
        "truth": truth["r0"] if truth else None,
    }


def _true_capacity(battery: Battery, times: np.ndarray) -> list[float | None] | None:
    truth = truth_series(battery, _whole(battery))
    if truth is None:
        return None
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    return _finite(np.interp(times, truth["q_t"]["t"], truth["q_t"]["mean"]))


def _whole(battery: Battery) -> TimeRange:
    return TimeRange(battery.first_test_time or 0.0, battery.last_test_time or 0.0, True, "All")


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _only(values: np.ndarray, wanted: np.ndarray) -> list[float | None]:
    return [value if is_wanted else None for value, is_wanted in zip(_finite(values), wanted.tolist(), strict=True)]
