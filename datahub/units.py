"""Units of the columns that battery-data-toolkit defines; any other column's unit is its sender's business."""

from __future__ import annotations

UNITS = {
    "test_time": "s", "received": "s", "time": "s", "cycle_time": "s", "voltage": "V", "current": "A",
    "temperature": "°C", "internal_resistance": "Ω", "cycle_capacity": "Ah", "cycle_capacity_charge": "Ah",
    "cycle_capacity_discharge": "Ah", "cycle_energy": "J",
}  # fmt: skip


def unit_of(column: str) -> str:
    """Empty where it is not known."""
    return UNITS.get(column, "")
