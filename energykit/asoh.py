"""Cells described by Moirae's JSON (`ECMASOH.model_dump_json`), read as parameters of the joint filter."""

from collections.abc import Mapping
from typing import Any

from energykit.errors import InvalidParameters


def mapping_from_asoh(document: Mapping[str, Any]) -> dict[str, Any]:
    """What `JointFilterParameters.from_mapping` needs to know of the cell; raises InvalidParameters.

    OCV knots are taken as they stand and joined by straight lines, also where Moirae bends a spline through them. What
    this filter cannot hold (a series capacitor, hysteresis with a magnitude, a resistance or capacitance that depends
    on SOC or temperature) is a complaint rather than left out in silence.
    """
    complaints: dict[str, str] = {}

    def one(field: str, *path: str, of: Mapping[str, Any] = document) -> float:
        values = _values(of, path)
        if len(values) != 1:
            complaints[field] = f"{'.'.join(path)} must be one number; this filter holds no dependence on SOC."
        return values[0] if values else 0.0

    knots = _values(document, ("ocv", "ocv_ref", "base_values"))
    pinpoints = _values(document, ("ocv", "ocv_ref", "soc_pinpoints"))
    evenly = [place / max(len(knots) - 1, 1) for place in range(len(knots))]
    mapping = {
        "capacity_ah": one("capacity_ah", "q_t", "base_values"),
        "coulombic_efficiency": one("coulombic_efficiency", "ce") if "ce" in document else 1.0,
        "ocv_soc": pinpoints or evenly,
        "ocv_voltage": knots,
        "r0_ohm": one("r0_ohm", "r0", "base_values"),
        "rc_pairs": [
            {
                "ohm": one("rc_pairs", "r", "base_values", of=pair),
                "farad": one("rc_pairs", "c", "base_values", of=pair),
            }
            for pair in document.get("rc_elements") or ()
        ],
    }
    if document.get("c0") is not None:
        complaints["c0"] = "This filter knows no series capacitor."
    if any(_values(document, ("h0", "base_values"))):
        complaints["initial_hysteresis_v"] = "This filter follows hysteresis freely; it takes no magnitude from h0."
    if any(_values(document, ("r0", "temperature_dependence_factor"))):
        complaints["r0_ohm"] = (
            "This filter's resistance depends on temperature by Arrhenius' law only; take the factor out and set "
            "r0_activation_energy_j_mol."
        )
    if any(_values(document, ("ocv", "ocv_ent", "base_values"))):
        complaints["ocv_voltage"] = "This filter's OCV does not depend on temperature."
    if complaints:
        raise InvalidParameters(complaints)
    return mapping


def _values(document: Mapping[str, Any], path: tuple[str, ...]) -> list[float]:
    """The numbers at the end of a path, out of the rows of one that Moirae puts them in; none where it ends early."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    while isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    if found is None:
        return []
    return list(found) if isinstance(found, list) else [found]
