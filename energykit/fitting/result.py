"""What a fit found, how sure that is, and what the data could not tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Series = dict[str, list[float]]


@dataclass(frozen=True)
class Finding:
    """One number of the cell: value and standard deviation in its unit; 0 rows where nothing was measured for it."""

    name: str
    title: str
    value: float
    std: float
    unit: str
    rows: int
    how: str

    @property
    def band(self) -> float:
        """Half the width of the 95 % band."""
        return 1.96 * self.std

    def to_mapping(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "value": self.value,
            "std": self.std,
            "unit": self.unit,
            "rows": self.rows,
            "how": self.how,
        }


@dataclass(frozen=True)
class CellFit:
    """`parameters` is what JointFilterParameters.from_mapping takes; `plots` are columns of numbers, by plot.

    `first_time` and `last_time` (s) and `rows` say what the fit was made from. `mean_nis` and `voltage_rmse` (V) are of
    the filter over the rows its noises were found from: where there are very many, the first of them.
    """

    parameters: Mapping[str, Any]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    rows: int
    first_time: float
    last_time: float
    mean_nis: float
    voltage_rmse: float
    plots: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def finding(self, name: str) -> Finding:
        """Raises KeyError where nothing of this name was looked for."""
        found = {each.name: each for each in self.findings}
        return found[name]


def as_series(**columns: Any) -> Series:
    """Columns as plain lists of six digits, for a plot."""
    return {name: [float(f"{value:.6g}") for value in np.asarray(values)] for name, values in columns.items()}
