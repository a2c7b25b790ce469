"""A mixed fleet of simulated cells."""

from itertools import cycle, islice

from energykit.simulation.cell import SimulatedCell

USUAL_PAIRS = (
    ("nmc", "commuter"),
    ("lfp", "grid"),
    ("nmc", "solar"),
    ("nca", "commuter"),
    ("nmc", "grid"),
    ("lfp", "solar"),
)


def simulated_fleet(cells: int, seed: int = 0) -> list[SimulatedCell]:
    """So many cells, duties and chemistries in turn; a cell is the same in a fleet of any size."""
    pairs = islice(cycle(USUAL_PAIRS), cells)
    return [SimulatedCell(1_000 * seed + place, preset, duty) for place, (preset, duty) in enumerate(pairs)]
