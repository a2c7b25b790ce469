"""What a simulated cell is called, and the metadata that says what it is. No Django here."""

from __future__ import annotations

from typing import Any

from energykit.simulation import SimulatedCell

USUAL_SEED = 1
CATHODES = {"nmc": "NMC532", "nca": "NCA", "lfp": "LFP", "lco": "LCO"}


def name_of(cell: SimulatedCell, place: int, seed: int) -> str:
    """The same cell has the same name at each start: `simulated 01 commuter nmc`."""
    fleet = "" if seed == USUAL_SEED else f" fleet {seed}"
    return f"simulated{fleet} {place:02d} {cell.duty.key} {cell.preset.key}"


def metadata_of(cell: SimulatedCell, name: str) -> dict[str, Any]:
    """A BatteryMetadata document."""
    return {
        "name": name,
        "is_measurement": False,
        "comments": f"A simulated cell; duty: {cell.duty.title.lower()}. Its truth is known.",
        "battery": {
            "design": cell.preset.title,
            "nominal_capacity": cell.nominal_capacity_ah,
            "anode": {"name": "graphite"},
            "cathode": {"name": CATHODES.get(cell.preset.key, cell.preset.key.upper())},
        },
        "modeling": {
            "name": "ROVI energykit",
            "version": "1",
            "type": "empirical",
            "models": ["BatteryEquivalentCircuitModel"],
        },
    }


def description_of(cell: SimulatedCell) -> str:
    return f"Simulated {cell.preset.title} cell of {cell.nominal_capacity_ah:g} Ah; duty: {cell.duty.title.lower()}."
