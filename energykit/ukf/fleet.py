"""The joint filter over many batteries at once; each gets the numbers, to the bit, that it would get alone."""

from collections.abc import Sequence

from energykit.errors import BadRows
from energykit.ukf.checkpoint import Counts
from energykit.ukf.family import Family
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import FilterResult, FilterRows


class FleetFilter:
    """Filters of batteries 0, 1, 2, … in the order of their parameters, from new or from checkpoints."""

    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.parameters = tuple(parameters)
        members: dict[int, list[int]] = {}
        for battery, each in enumerate(self.parameters):
            members.setdefault(len(each.rc_pairs), []).append(battery)
        self._families = [
            (batteries, Family([self.parameters[battery] for battery in batteries])) for batteries in members.values()
        ]
        self._place = {
            battery: (family, place) for batteries, family in self._families for place, battery in enumerate(batteries)
        }

    def __len__(self) -> int:
        return len(self.parameters)

    def restore(self, battery: int, checkpoint: bytes) -> None:
        """Go on from a checkpoint, to the bit; raises BadCheckpoint and then leaves this filter as it was."""
        family, place = self._place[battery]
        family.restore(place, checkpoint)

    def checkpoint(self, battery: int) -> bytes:
        """All there is to know about one battery's filter beside its parameters."""
        family, place = self._place[battery]
        return family.checkpoint(place)

    def counts(self, battery: int) -> Counts:
        family, place = self._place[battery]
        return family.counts(place)

    def advance(self, rows: Sequence[FilterRows]) -> list[FilterResult]:
        """Step every battery through its own rows (none is fine); a result for each, in the same order."""
        if len(rows) != len(self.parameters):
            raise BadRows(f"There are {len(self.parameters)} batteries but rows for {len(rows)}; give rows for each.")
        results: list[FilterResult | None] = [None] * len(rows)
        for batteries, family in self._families:
            for battery, result in zip(batteries, family.advance([rows[each] for each in batteries]), strict=True):
                results[battery] = result
        return [result for result in results if result is not None]


def run_filter(parameters: JointFilterParameters, rows: FilterRows) -> FilterResult:
    """One battery from its initial state through all rows."""
    return FleetFilter([parameters]).advance([rows])[0]
