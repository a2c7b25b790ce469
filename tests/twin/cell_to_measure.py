"""Rows of a simulated cell, what is measured of them, and all of that as text that shows every bit."""

from datahub.queries import battery_named
from datahub.registration import register_battery
from energykit.measuring import MeasuringRules, Meter
from energykit.simulation import SimulatedCell
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredCycle, MeasuredProgress

NAMES = ("test_time", "current", "voltage", "temperature", "cycle_number")
CELL = SimulatedCell(3, preset="nmc", duty="grid")
COLUMNS = CELL.advance(8 * 86_400.0, 600.0)
NOMINAL = {"name": "cell", "battery": {"nominal_capacity": CELL.nominal_capacity_ah}}
SAME = [each.name for each in MeasuredCycle._meta.fields if each.name not in ("id", "battery")]


def records(start=0, end=None):
    lists = [COLUMNS[name][start:end].tolist() for name in NAMES]
    return [dict(zip(NAMES, row, strict=True)) for row in zip(*lists, strict=True)]


def battery(name="cell"):
    return register_battery({**NOMINAL, "name": name})


def measure():
    while advance_measurements():
        continue


def measured(name="cell", *, with_ids=False):
    """All that was measured, as text that shows every bit; without ids of rows, which tell the order of arrival."""
    known = battery_named(name)
    progress = MeasuredProgress.objects.get(battery=known)
    meter = Meter.restored(MeasuringRules.from_mapping(progress.rules), bytes(progress.checkpoint))
    kept = [each for each in SAME if with_ids or not each.endswith("_row")]
    cycles = list(known.measured_cycles.values_list(*kept))
    steps = list(
        known.measured_resistances.values_list("test_time", "ohm", "ohm_sd", "delay_s", "is_charge", "temperature")
    )
    return repr((cycles, steps, meter.totals))
