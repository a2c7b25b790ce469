"""A cell's parameters from its rows: capacity, OCV, resistances, noises, each with its uncertainty."""

from energykit.fitting.cell import fit_cell
from energykit.fitting.result import CellFit, Finding
from energykit.fitting.shape import FitWishes

__all__ = ["CellFit", "Finding", "FitWishes", "fit_cell"]
