"""What a column or a state of a filter means to people: title, unit, and the factor from the stored unit to that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """`scale` takes the stored value to the shown one; `digits` are the decimals where no spread tells better."""

    title: str
    unit: str
    scale: float = 1.0
    digits: int = 3
    colour: str = "series-1"


# By the first part of the name: Moirae calls capacity `q_t.base_values`, an SQL column of it is `q_t__base_values`.
KNOWN = {
    "soc": Quantity("SOC", "%", 100.0, 1, "series-1"),
    "soh": Quantity("SOH", "%", 100.0, 1, "series-3"),
    "q_t": Quantity("Capacity", "Ah", 1.0, 3, "series-3"),
    "capacity": Quantity("Capacity", "Ah", 1.0, 3, "series-3"),
    "r0": Quantity("R0", "mΩ", 1000.0, 2, "series-4"),
    "hyst": Quantity("Hysteresis", "mV", 1000.0, 1, "series-2"),
    "i_rc": Quantity("RC current", "A", 1.0, 3, "series-2"),
    "voltage": Quantity("Voltage", "V", 1.0, 3, "series-1"),
    "current": Quantity("Current", "A, + charging", 1.0, 2, "series-2"),
    "temperature": Quantity("Temperature", "°C", 1.0, 1, "series-4"),
    "power": Quantity("Power", "W, + charging", 1.0, 2, "series-2"),
}
ALIASES = {"terminal_voltage": "voltage", "temp": "temperature", "state_of_charge": "soc", "state_of_health": "soh"}


def quantity_of(name: str) -> Quantity:
    """What `name` means; a name that is not known is shown as it stands, without a unit."""
    first = name.split(".")[0].split("__")[0].split("[")[0]
    return KNOWN.get(ALIASES.get(first, first), Quantity(name, ""))


def title_of(name: str) -> str:
    """`R0, mΩ`; an index is kept, so that two RC currents differ."""
    quantity = quantity_of(name)
    index = name[name.index("[") : name.index("]") + 1] if "[" in name and "]" in name else ""
    return f"{quantity.title}{index}, {quantity.unit}" if quantity.unit else f"{quantity.title}{index}"
