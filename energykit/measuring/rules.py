"""By which rules rows become measurements. Two runs with the same rules give the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

SECONDS_AN_HOUR = 3600.0
REST_WITHOUT_CAPACITY = 1e-3  # A; below this a current is rest where the size of the cell is not known
EDITION = 1  # counts changes of what the code itself makes of rows: what an older one measured is measured anew
TEMPERATURE_EDGES = (-20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)  # °C, one band more than edges
SOC_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class MeasuringRules:
    """`nominal_capacity_ah` None: not known; then there is neither EFC nor resistance, nor a cycle from the current."""

    nominal_capacity_ah: float | None = None
    gap_seconds: float = 3600.0  # nothing is integrated across a longer interval between two rows
    cycle_depth: float = 0.05  # share of the capacity to be discharged before charging begins a new cycle
    rest_c_rate: float = 0.005  # below this a current is rest
    step_c_rate: float = 0.1  # least step of current at which a resistance is measured
    step_seconds: float = 10.0  # most time between the rows before and after the step
    step_spacing_seconds: float = 600.0  # least time between two resistances of one direction
    step_most_sd_v: float = 0.01  # a resistance with more deviation than this over the current of 1C is not kept
    edition: int = EDITION

    @property
    def rest_current(self) -> float:
        """A; up to this a current counts as rest."""
        if self.nominal_capacity_ah is None:
            return REST_WITHOUT_CAPACITY
        return self.rest_c_rate * self.nominal_capacity_ah

    def as_mapping(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """What it does not know, of another edition, is left out."""
        return cls(**{name: mapping[name] for name in cls.__dataclass_fields__ if name in mapping})
