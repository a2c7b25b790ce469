"""Cells with a known truth, under duties like those of real ones."""

from energykit.simulation.cell import SimulatedCell
from energykit.simulation.duty import DUTIES, Duty
from energykit.simulation.fleet import simulated_fleet

__all__ = ["DUTIES", "Duty", "SimulatedCell", "simulated_fleet"]
