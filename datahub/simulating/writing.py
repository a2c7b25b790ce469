"""A fleet's history in files of battery-data-toolkit, a file a cell, the truth in a table of its own."""

from __future__ import annotations

from pathlib import Path

from datahub.exports.hdf5 import ROWS_TABLE, Hdf5File
from datahub.simulating.describing import metadata_of, name_of
from datahub.simulating.lives import ROW_COLUMNS, TRUTH_COLUMNS, history_of
from energykit.simulation import SimulatedCell

TRUTH_TABLE = "truth"
TRUTH_DESCRIPTIONS = {
    "test_time": "Time of the row that this is the truth of, s",
    "true_soc": "State of charge, 0 to 1",
    "true_capacity": "Capacity, Ah",
    "true_r0": "Series resistance, ohm",
}


def paths_for(out: Path, cells: int) -> list[Path]:
    """`fleet.h5` for one cell, else `fleet_01.h5` and so on: a file has one metadata document."""
    if cells == 1:
        return [out]
    return [out.with_name(f"{out.stem}_{place:02d}{out.suffix}") for place in range(1, cells + 1)]


def write_history(cell: SimulatedCell, place: int, seed: int, years: float, path: Path) -> int:
    """Returns how many rows were written."""
    rows = 0
    with Hdf5File(path, metadata_of(cell, name_of(cell, place, seed))) as file:
        kinds = {name: "<i8" if name == "cycle_number" else "<f8" for name in ROW_COLUMNS}
        file.add_table(ROWS_TABLE, kinds)
        file.add_table(TRUTH_TABLE, dict.fromkeys(TRUTH_COLUMNS, "<f8"), TRUTH_DESCRIPTIONS)
        for part in history_of(cell, years):
            file.append(ROWS_TABLE, {name: part.columns[name] for name in ROW_COLUMNS})
            file.append(TRUTH_TABLE, {name: part.columns[name] for name in TRUTH_COLUMNS})
            rows += len(part)
    return rows
