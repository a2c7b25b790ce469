"""Joint unscented Kalman filters over SOC, RC currents, hysteresis, capacity and resistance, for whole fleets."""

from energykit.ukf.checkpoint import Counts
from energykit.ukf.fleet import FleetFilter, run_filter
from energykit.ukf.parameters import FieldDescription, JointFilterParameters, field_descriptions
from energykit.ukf.rows import FilterResult, FilterRows, FleetResult, FleetRows, Outcome

__all__ = [
    "Counts",
    "FieldDescription",
    "FilterResult",
    "FilterRows",
    "FleetFilter",
    "FleetResult",
    "FleetRows",
    "JointFilterParameters",
    "Outcome",
    "field_descriptions",
    "run_filter",
]
