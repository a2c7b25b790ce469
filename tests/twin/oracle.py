"""The simulated cell of tests/data, and what Moirae made of it (its commit stands in the JSON)."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"


@cache
def described() -> dict[str, Any]:
    return json.loads((DATA / "moirae_on_simulated_cell.json").read_text())


@cache
def cell() -> dict[str, list[float]]:
    """Columns of the cell's 3,000 rows."""
    rows = list(csv.DictReader((DATA / "simulated_cell.csv").open()))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def records(first: int = 0, last: int | None = None) -> list[dict[str, float]]:
    """As a device would send them: without the truth."""
    names = ("test_time", "current", "voltage")
    rows = zip(*(cell()[name] for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows][first:last]


def parameters(case: str) -> dict[str, Any]:
    """Those of Moirae's run, for the built-in filter."""
    whole = described()
    of_case = whole["cases"][case]
    return {
        "capacity_ah": whole["q_t"],
        "r0_ohm": whole["r0"],
        "rc_pairs": [[whole["r1"], whole["c1"]]] if case == "one_rc" else [],
        "ocv_soc": whole["soc_knots"],
        "ocv_voltage": whole["ocv_knots"],
        "coulombic_efficiency": whole["ce"],
        "initial_soc": of_case["initial_mean"][0],
        "initial_covariance": of_case["initial_covariance"],
        "process_noise": of_case["process_noise"],
        "sensor_variance": of_case["sensor_variance"],
    }


def moirae(case: str) -> dict[str, np.ndarray]:
    """Moirae's numbers for some of the rows: `row` counts from 0, the first control."""
    with (DATA / f"moirae_on_simulated_cell_{case}.csv").open() as file:
        names = next(csv.reader(file))
        table = np.array([[float(value) for value in row] for row in csv.reader(file)])
    states = len(described()["cases"][case]["state_names"])
    return {
        "row": table[:, 0].astype(int),
        "test_time": table[:, 1],
        "means": table[:, 2 : 2 + states],
        "covariances": table[:, 2 + states : -2],
        "predicted_voltage": table[:, -2],
        "innovation_variance": table[:, -1],
        "names": np.array(names[2 : 2 + states]),
    }
