"""What can be measured of a cell without a model: charge and energy of each cycle, totals, resistance at steps."""

from energykit.measuring.capacity import CapacityKind, MeasuredCapacity, measured_capacity
from energykit.measuring.cycles import Cycle
from energykit.measuring.efficiency import efficiency
from energykit.measuring.meter import Measured, Meter, MeterRows
from energykit.measuring.resistance import Resistance
from energykit.measuring.rules import MeasuringRules
from energykit.measuring.socbands import SocBands
from energykit.measuring.totals import Totals

__all__ = [
    "CapacityKind",
    "Cycle",
    "Measured",
    "MeasuredCapacity",
    "MeasuringRules",
    "Meter",
    "MeterRows",
    "Resistance",
    "SocBands",
    "Totals",
    "efficiency",
    "measured_capacity",
]
