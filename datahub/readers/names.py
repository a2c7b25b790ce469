"""What a file's column is called here: battery-data-toolkit's names for what it knows, a safe name for the rest.

`Voltage / V` (Battery Data Format), `Test_Time (s)` and `voltage_volt` are all known quantities. A unit other than the
toolkit's is converted where it is one of a few, and else stays in the name: no number changes its meaning unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from datahub.validators import is_column_name

# Quantities of battery-data-toolkit's schema of raw data (RawData), which estimators read by these names.
KNOWN = frozenset(
    {
        "file_number", "state", "method", "cycle_number", "step_index", "substep_index", "test_time", "voltage",
        "current", "internal_resistance", "time", "temperature", "cycle_time", "cycle_capacity", "cycle_energy",
        "cycle_capacity_charge", "cycle_capacity_discharge",
    }
)  # fmt: skip

# What others call them. The first part are the machine-readable names of the Battery Data Format.
ALIASES = {
    "test_time_second": "test_time",
    "voltage_volt": "voltage",
    "current_ampere": "current",
    "unix_time_second": "time",
    "unix_time": "time",
    "cycle_count": "cycle_number",
    "step_count": "step_index",
    "internal_resistance_ohm": "internal_resistance",
    "temperature_t1_celsius": "temperature",
    "surface_temperature_t1": "temperature",
    "ambient_temperature_celsius": "ambient_temperature",
    "cell_temperature": "temperature",
    "cycle_index": "cycle_number",
    "cycle": "cycle_number",
}

# Unit as written to the factor that brings it to the toolkit's: s, V, A, °C, Ah, J, Ω.
FACTORS = {
    "": 1.0, "1": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "hr": 3600.0,
    "v": 1.0, "mv": 1e-3, "a": 1.0, "ma": 1e-3, "c": 1.0, "°c": 1.0, "degc": 1.0, "celsius": 1.0, "ah": 1.0,
    "a-hr": 1.0, "a.h": 1.0, "mah": 1e-3, "j": 1.0, "ohm": 1.0, "ω": 1.0, "mohm": 1e-3, "mω": 1e-3,
}  # fmt: skip

_WITH_UNIT = re.compile(
    r"^(?P<quantity>.+?)\s*(?:\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\]|\s/\s(?P<slash>\S+))\s*$"
)


@dataclass(frozen=True)
class Column:
    """`name` in our table, and what a value of the file is multiplied with."""

    name: str
    factor: float = 1.0


def columns_of(labels: Iterable[str]) -> dict[str, Column]:
    """Our column for each label of a file. Where two labels would meet, the later one keeps a name of its own.

    >>> columns_of(["Test Time / s", "Current / mA", "Voltage (V)", "Cell 2 (mV)", "Note"])["Current / mA"]
    Column(name='current', factor=0.001)
    >>> [column.name for column in columns_of(["Voltage (V)", "Voltage [V]", "dV/dt", "Pressure (bar)"]).values()]
    ['voltage', 'voltage_v', 'dv_dt', 'pressure_bar']
    """
    found: dict[str, Column] = {}
    taken: set[str] = set()
    for label in labels:
        column = _column_of(label)
        if column.name.lower() in taken:
            column = Column(_free_name(_safe_name(label), taken))
        taken.add(column.name.lower())
        found[label] = column
    return found


def _column_of(label: str) -> Column:
    match = _WITH_UNIT.match(label)
    quantity, unit = label, ""
    if match:
        quantity = match["quantity"]
        unit = (match["round"] or match["square"] or match["slash"] or "").strip()
    name = _safe_name(quantity)
    name = ALIASES.get(name, name)
    factor = FACTORS.get(unit.lower())
    if name in KNOWN and factor is not None:
        return Column(name, factor)
    return Column(label if is_column_name(label) else _safe_name(label))


def _safe_name(label: str) -> str:
    """ASCII letters, digits and underscores, in lower case."""
    name = re.sub(r"[^a-z0-9]+", "_", label.lower().replace("µ", "u")).strip("_")[:63]
    return name if is_column_name(name) else f"column_{name}"[:63]


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free.lower() in taken:
        free = f"{name[:59]}_{number}"
        number += 1
    return free
