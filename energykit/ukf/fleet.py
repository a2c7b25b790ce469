"""The joint filter over many batteries at once; each gets the numbers, to the bit, that it would get alone."""

from collections.abc import Sequence

import numpy as np

from energykit.errors import BadRows
from energykit.ukf.checkpoint import Counts
from energykit.ukf.family import Family
from energykit.ukf.layout import Layout
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import FilterResult, FilterRows, FleetResult, FleetRows


class FleetFilter:
    """Filters of batteries 0, 1, 2, … in the order of their parameters, from new or from checkpoints."""

    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.parameters = tuple(parameters)
        members: dict[Layout, list[int]] = {}
        for battery, each in enumerate(self.parameters):
            members.setdefault(each.layout, []).append(battery)
        self._needs_temperature = any(each.needs_temperature for each in self.parameters)
        self._members = [np.array(batteries, dtype=np.intp) for batteries in members.values()]
        self._families = [Family([self.parameters[battery] for battery in of_family]) for of_family in members.values()]
        place = {
            battery: (family, place)
            for family, of_family in enumerate(members.values())
            for place, battery in enumerate(of_family)
        }
        self._places = [place[battery] for battery in range(len(self))]

    def __len__(self) -> int:
        return len(self.parameters)

    def restore(self, battery: int, checkpoint: bytes) -> None:
        """Go on from a checkpoint, to the bit; raises BadCheckpoint and then leaves this filter as it was."""
        family, place = self._places[battery]
        self._families[family].restore(place, checkpoint)

    def checkpoint(self, battery: int) -> bytes:
        """All there is to know about one battery's filter beside its parameters."""
        family, place = self._places[battery]
        return self._families[family].checkpoint(place)

    def counts(self, battery: int) -> Counts:
        family, place = self._places[battery]
        return self._families[family].counts(place)

    def advance(self, rows: Sequence[FilterRows] | FleetRows) -> FleetResult:
        """Step every battery through its own rows (none is fine); a result for each, in the same order."""
        if len(rows) != len(self.parameters):
            raise BadRows(f"There are {len(self.parameters)} batteries but rows for {len(rows)}; give rows for each.")
        if not self._families:
            return FleetResult([], [])
        whole = rows if isinstance(rows, FleetRows) else FleetRows.joined(rows, self._needs_temperature)
        results = []
        for batteries, family in zip(self._members, self._families, strict=True):
            of_family = whole if len(self._families) == 1 else whole.of(batteries)
            results.append((family.advance(of_family), of_family.starts))
        return FleetResult(results, self._places)


def run_filter(parameters: JointFilterParameters, rows: FilterRows) -> FilterResult:
    """One battery from its initial state through all rows."""
    return FleetFilter([parameters]).advance([rows])[0]
