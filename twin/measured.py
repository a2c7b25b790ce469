"""Questions about what was measured of a battery: its cycles, capacities, totals and resistances."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Max, Q

from datahub.models import Battery
from energykit.errors import BadCheckpoint
from twin.measuring.estimated import at_rows, ocv_of
from twin.measuring.records import MeasuredCycle, MeasuredProgress, MeasuredResistance
from twin.models import Estimator

if TYPE_CHECKING:
    import numpy as np

    from energykit.measuring import Cycle, Meter

STORED = (
    "number", "start_time", "end_time", "charge_ah", "discharge_ah", "charge_wh", "discharge_wh", "mean_temperature",
    "highest_temperature", "gap_seconds", "throughput_ah", "throughput_wh",
)  # fmt: skip
SHOWN_AS = {"number": "cycle"}
SWING = (
    "place", "swing_ah", "swing_start_row", "swing_start_voltage", "swing_start_current",
    "swing_end_row", "swing_end_voltage",
)  # fmt: skip
STEP = (
    "row_id", "test_time", "ohm", "ohm_sd", "delay_s", "is_charge", "current_before", "current_after", "temperature",
)  # fmt: skip


# --- cycles --------------------------------------------------------------------------------------------------------
def cycles_of(battery: Battery, *, after: int = -1, limit: int | None = None, every: int = 1) -> dict[str, np.ndarray]:
    """Whole cycles, oldest first, as columns of one length; NaN where a number is not known. All of them, unless told.

    `cycle`, `start_time`, `end_time`, `duration_s` (s of test_time), `charge_ah`, `discharge_ah`, `charge_wh`,
    `discharge_wh`, `efficiency` (coulombic: discharge over charge) and `energy_efficiency`
    of cycles that came back to where they began, `mean_temperature`,
    `highest_temperature` (°C), `gap_seconds`, `throughput_ah`, `throughput_wh` (in and out, to the end of the cycle),
    `efc` (throughput over twice the nominal capacity; NaN where that is not known). `after` and `every` go by place:
    the battery's first cycle has 0.
    """
    return _of_cycles(battery, _some(battery, after, limit, every).values(*STORED))


def cycles_with_capacities(
    battery: Battery, *, after: int = -1, limit: int | None = None, every: int = 1
) -> dict[str, np.ndarray]:
    """The columns of `cycles_of`, `place`, and of each cycle the measured capacity and the one estimated beside it.

    `measured_ah`, `measured_sd_ah`, `kind` ("full", "scaled", or "" where the cycle cannot tell); `estimated_ah` and
    `estimated_sd_ah` of the current estimator, as the discharge that was measured from ended.
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    rows = list(_some(battery, after, limit, every).values(*STORED, *SWING))
    place = np.array([row["place"] for row in rows], dtype=np.int64)
    return {"place": place, **_of_cycles(battery, rows), **_capacities(battery, rows)}


def _of_cycles(battery: Battery, rows: Iterable[dict[str, Any]]) -> dict[str, np.ndarray]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    from energykit.measuring import efficiency  # noqa: PLC0415  (needs numpy)

    found = _columns(([row[name] for name in STORED] for row in rows), STORED)
    found = {SHOWN_AS.get(name, name): values for name, values in found.items()}
    found["cycle"] = found["cycle"].astype(np.int64)
    found["duration_s"] = found["end_time"] - found["start_time"]
    flows = {name: found[name] for name in ("discharge_ah", "charge_ah", "gap_seconds")}
    found["efficiency"] = efficiency(found["discharge_ah"], found["charge_ah"], **flows)
    found["energy_efficiency"] = efficiency(found["discharge_wh"], found["charge_wh"], **flows)
    found["efc"] = found["throughput_ah"] / (2.0 * (nominal_capacity_of(battery) or np.nan))
    return found


def _capacities(battery: Battery, rows: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    estimator = _current(battery)
    ends = {row[name] for row in rows for name in ("swing_start_row", "swing_end_row")}
    states = at_rows(estimator, ends, ("soc", "q_t")) if estimator is not None else {}
    ocv = ocv_of(estimator) if estimator is not None else None
    nominal = nominal_capacity_of(battery)
    told = [_capacity(row, states, ocv, nominal) for row in rows]
    estimated = [states.get(row["swing_end_row"], {}).get("q_t", (math.nan, math.nan)) for row in rows]
    return {
        "measured_ah": np.array([math.nan if each is None else each.capacity_ah for each in told], dtype=np.float64),
        "measured_sd_ah": np.array([math.nan if each is None else each.sd_ah for each in told], dtype=np.float64),
        "kind": np.array(["" if each is None else str(each.kind) for each in told], dtype=object),
        "estimated_ah": np.array([mean for mean, _ in estimated], dtype=np.float64),
        "estimated_sd_ah": np.array([sd for _, sd in estimated], dtype=np.float64),
    }


def _capacity(row: dict[str, Any], states: dict[int, dict[str, tuple[float, float]]], ocv: Any, nominal: Any) -> Any:
    from energykit.measuring import measured_capacity  # noqa: PLC0415  (numpy)

    top, bottom = (states.get(row[name], {}).get("soc") for name in ("swing_start_row", "swing_end_row"))
    voltages = row["swing_start_voltage"], row["swing_end_voltage"]
    is_known = ocv is not None and nominal is not None and None not in voltages
    return measured_capacity(
        row["swing_ah"],
        soc_of_top_voltage=ocv.soc_at(voltages[0]) if is_known else None,
        soc_of_bottom_voltage=ocv.soc_at(voltages[1]) if is_known else None,
        top_c_rate=(row["swing_start_current"] or 0.0) / nominal if is_known else math.inf,
        soc_at_top=top[0] if top else None,
        soc_sd_at_top=top[1] if top else None,
        soc_at_bottom=bottom[0] if bottom else None,
        soc_sd_at_bottom=bottom[1] if bottom else None,
        estimated_sd_ah=states.get(row["swing_end_row"], {}).get("q_t", (0.0, 0.0))[1],
    )


def _some(battery: Battery, after: int, limit: int | None, every: int) -> Any:
    found = MeasuredCycle.objects.filter(battery=battery, place__gt=after).order_by("place")
    if every > 1:
        found = found.annotate(part=F("place") % every).filter(part=0)
    return found[:limit]


# --- resistances ---------------------------------------------------------------------------------------------------
def resistances_of(
    battery: Battery, *, after: tuple[float, int] | None = None, limit: int | None = None, most: int | None = None
) -> dict[str, np.ndarray]:
    """Steps after (test_time, row id), oldest first, as columns of one length; NaN where a number is not known.

    With `most` every so many-th, so that there are no more.

    `row_id`, `test_time` (s), `ohm`, `ohm_sd`, `delay_s`, `is_charge`, `current_before`, `current_after` (A),
    `temperature` (°C), and `soc`, `soc_sd`, `r0`, `r0_sd` as the current estimator has them at that row.
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    found = MeasuredResistance.objects.filter(battery=battery).order_by("test_time", "row_id")
    if after is not None:
        found = found.filter(Q(test_time__gt=after[0]) | Q(test_time=after[0], row_id__gt=after[1]))
    if most is not None and (count := found.count()) > most:
        found = found.filter(pk__in=list(found.values_list("pk", flat=True))[:: math.ceil(count / most)])
    columns = _columns(found.values_list(*STEP)[:limit], STEP)
    columns["row_id"] = columns["row_id"].astype(np.int64)
    columns["is_charge"] = columns["is_charge"].astype(bool)
    estimator = _current(battery)
    ids: list[int] = columns["row_id"].tolist()
    states = at_rows(estimator, ids, ("soc", "r0")) if estimator is not None else {}
    for name in ("soc", "r0"):
        values = [states.get(row_id, {}).get(name, (math.nan, math.nan)) for row_id in ids]
        columns[name] = np.array([mean for mean, _ in values], dtype=np.float64)
        columns[f"{name}_sd"] = np.array([sd for _, sd in values], dtype=np.float64)
    return columns


# --- totals --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Band:
    """Time spent between two bounds; None: without bound."""

    above: float | None
    below: float | None
    seconds: float


@dataclass(frozen=True)
class BatteryTotals:
    """What a battery has been through. None is not known; with no rows measured all sums are 0."""

    rows: int
    rows_waiting: int
    latest_time: float | None  # s
    stale_from: float | None  # s; what follows is being measured anew
    again_rows: int | None  # measured anew so far; None: none are
    again_of: int | None  # about so many are to be
    nominal_capacity_ah: float | None
    sums: dict[str, float | None]  # as energykit.measuring.Totals names them
    efc: float | None
    cycles: int
    open_cycle: Cycle | None
    temperature_bands: list[Band]  # °C
    soc_bands: list[Band]  # empty where no estimator tells the SOC
    soc_version: int | None  # of the estimator that does


SUMS = (
    "charge_ah", "discharge_ah", "charge_wh", "discharge_wh", "throughput_ah", "throughput_wh", "charging_seconds",
    "discharging_seconds", "resting_seconds", "gap_seconds", "gaps", "lowest_voltage", "highest_voltage",
    "lowest_current", "highest_current", "lowest_temperature", "highest_temperature",
)  # fmt: skip


def totals_of(battery: Battery) -> BatteryTotals:
    from energykit.measuring import Totals  # noqa: PLC0415  (numpy; a web process boots without it)
    from energykit.measuring.rules import TEMPERATURE_EDGES  # noqa: PLC0415  (as above)

    progress = MeasuredProgress.objects.filter(battery=battery).first() or MeasuredProgress(battery=battery)
    meter = _meter(progress)
    totals = meter.totals if meter else Totals()
    nominal: float | None = progress.rules.get("nominal_capacity_ah")
    bands, version = _soc_bands(progress)
    return BatteryTotals(
        rows=totals.rows,
        rows_waiting=max(0, battery.rows - max(battery.dropped_rows, progress.rows_seen if meter else 0)),
        latest_time=progress.latest_time,
        stale_from=progress.stale_from,
        again_rows=progress.again_rows,
        again_of=progress.again_of,
        nominal_capacity_ah=nominal,
        sums={name: _known(getattr(totals, name)) for name in SUMS},
        efc=totals.throughput_ah / (2.0 * nominal) if nominal and totals.rows else None,
        cycles=MeasuredCycle.objects.filter(battery=battery).count(),
        open_cycle=meter.open_cycle if meter else None,
        temperature_bands=_bands(TEMPERATURE_EDGES, totals.temperature_seconds, None, None),
        soc_bands=bands,
        soc_version=version,
    )


def _soc_bands(progress: MeasuredProgress) -> tuple[list[Band], int | None]:
    from energykit.measuring import SocBands  # noqa: PLC0415  (numpy; a web process boots without it)
    from energykit.measuring.rules import SOC_EDGES  # noqa: PLC0415  (as above)

    if not progress.soc_checkpoint:
        return [], None
    version = Estimator.objects.filter(pk=progress.soc_estimator).values_list("version", flat=True).first()
    try:
        counted = SocBands.from_bytes(bytes(progress.soc_checkpoint))
    except BadCheckpoint:  # of another version of this program
        return [], None
    return (_bands(SOC_EDGES, counted.seconds, 0.0, 1.0), version) if counted.estimates else ([], None)


def _meter(progress: MeasuredProgress) -> Meter | None:
    """None where nothing is measured, or it cannot be read and is measured anew."""
    from energykit.measuring import MeasuringRules, Meter  # noqa: PLC0415  (numpy; a web process boots without it)

    if not progress.checkpoint:
        return None
    try:
        return Meter.restored(MeasuringRules.from_mapping(progress.rules), bytes(progress.checkpoint))
    except BadCheckpoint:  # of another version of this program
        return None


def _bands(edges: Sequence[float], seconds: Sequence[float], lowest: float | None, highest: float | None) -> list[Band]:
    bounds = [lowest, *edges, highest]
    return [Band(bounds[place], bounds[place + 1], each) for place, each in enumerate(seconds)]


# --- helpers of all of them ----------------------------------------------------------------------------------------
def full_cycles_of(batteries: Collection[int]) -> dict[int, float]:
    """Equivalent full cycles to the end of the last whole cycle, by battery id, where they are known; one query."""
    ended = Max("battery__measured_cycles__throughput_ah")
    rows = MeasuredProgress.objects.filter(battery__in=batteries).annotate(ended=ended)
    return {
        battery_id: ended / (2.0 * nominal)
        for battery_id, rules, ended in rows.values_list("battery_id", "rules", "ended")
        if ended is not None and (nominal := rules.get("nominal_capacity_ah"))
    }


def nominal_capacity_of(battery: Battery) -> float | None:
    """By which EFC are counted, Ah; None where it is not known or nothing is measured yet."""
    rules = MeasuredProgress.objects.filter(battery=battery).values_list("rules", flat=True).first()
    nominal: float | None = (rules or {}).get("nominal_capacity_ah")
    return nominal


def _current(battery: Battery) -> Estimator | None:
    return Estimator.objects.filter(battery=battery, is_current=True).select_related("progress").first()


def _columns(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> dict[str, np.ndarray]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: np.array(values, dtype=np.float64) for name, values in zip(names, columns, strict=True)}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
