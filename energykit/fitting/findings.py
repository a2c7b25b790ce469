"""The numbers of a fit, each with its uncertainty and where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from energykit.fitting.noises import Noises
from energykit.fitting.result import Finding
from energykit.fitting.steps import Resistances

if TYPE_CHECKING:
    from energykit.fitting.cell import Knowledge

LEAST_SECONDS_STD_SHARE = 0.08  # the grid of time constants is no finer


def findings_of(known: Knowledge) -> tuple[Finding, ...]:
    shape = known.shape
    assert known.noises is not None
    parameters = known.noises.parameters
    found = [
        Finding(
            "capacity_ah", "Capacity", shape.capacity_ah, shape.capacity_std, "Ah", shape.capacity_rows,
            shape.capacity_how,
        ),
        Finding(
            "ocv_at_half", "OCV at 50 % SOC", shape.ocv.voltage_at(0.5), shape.ocv_std, "V", shape.ocv_rows,
            shape.ocv_how,
        ),
        Finding(
            "initial_soc", "SOC at the first row", parameters["initial_soc"],
            float(np.sqrt(parameters["initial_covariance"][0])), "", 1, "charge counted, tied to the OCV curve",
        ),
    ]  # fmt: skip
    return (*found, *_of_resistances(known, known.resistances), *_of_noises(known.noises))


def _of_resistances(known: Knowledge, found: Resistances | None) -> list[Finding]:
    if found is None:
        ohm = known.shape.ohm
        return [Finding("r0_ohm", "Series resistance", ohm, 0.2 * ohm, "Ω", 0, "all between charge and discharge")]
    how, rows = f"{len(found.windows)} current steps", found.rows
    listed = [Finding("r0_ohm", "Series resistance", found.r0_ohm, _known(found.r0_std, found.r0_ohm), "Ω", rows, how)]
    for number, ((ohm, seconds), stds) in enumerate(zip(found.pairs, found.pair_stds, strict=True), start=1):
        ohm_std, seconds_std = _known(stds[0], ohm), max(_known(stds[1], seconds), LEAST_SECONDS_STD_SHARE * seconds)
        name, title = f"rc{number}", f"RC pair {number}"
        listed += [
            Finding(f"{name}_ohm", f"{title}: resistance", ohm, ohm_std, "Ω", rows, how),
            Finding(f"{name}_seconds", f"{title}: time constant", seconds, seconds_std, "s", rows, how),
        ]
    return listed


def _of_noises(noises: Noises) -> list[Finding]:
    rows, wander = noises.rows, noises.wander
    a_day = "the likeliest of those tried, which lie some three times apart"
    values = (
        *_of_voltage(noises),
        ("soc_a_day", "SOC may wander in a day by", wander.soc, 0.5 * wander.soc, "", a_day),
        ("r0_a_day", "R0 may wander in a day by (share)", wander.r0_share, 0.5 * wander.r0_share, "", a_day),
        (
            "capacity_a_day", "Capacity may wander in a day by (share)", wander.capacity_share,
            0.5 * wander.capacity_share, "", "assumed: the rows of a fit do not show how a cell will age",
        ),
    )  # fmt: skip
    return [
        Finding(name, title, value, std, unit, 0 if why.startswith("assumed") else rows, why)
        for name, title, value, std, unit, why in values
    ]


def _of_voltage(noises: Noises) -> tuple[tuple[str, str, float, float, str, str], ...]:
    wander, sensor = noises.wander, noises.sensor_std
    how = f"mean NIS of {noises.mean_nis:.2f} over the rows"
    if not wander.fading_seconds:
        a_day = "the likeliest of those tried, which lie some three times apart"
        return (
            ("sensor_std", "Voltage error, standard deviation", sensor, noises.share_std * sensor, "V", how),
            ("offset_a_day", "Offset may wander in a day by", wander.offset_v, 0.5 * wander.offset_v, "V", a_day),
        )
    std, seconds = wander.offset_v, wander.fading_seconds
    how = f"{how}, which is wide enough for errors that last from row to row (correlation {noises.lasting:.2f})"
    return (
        ("sensor_std", "Noise of the voltage, standard deviation", sensor, 0.5 * sensor, "V", "assumed: a logger's"),
        ("offset_std", "Offset that fades, standard deviation", std, noises.share_std * std, "V", how),
        ("offset_seconds", "Time within which it fades", seconds, 0.5 * seconds, "s", "assumed: see Fit a cell"),
    )


def _known(std: float, value: float) -> float:
    """A jackknife of one group knows nothing: then the value is taken to be half sure."""
    return std if np.isfinite(std) else 0.5 * value
