"""The life of a simulated cell as a sequence of rows to send: years at once, then live, and bounded. No Django here.

A life depends on its arguments alone, not on the clock. So a demonstration that was stopped lives it again without
sending, until it reaches the newest row that the server has, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from energykit.simulation import SimulatedCell

DAYS_A_YEAR = 365.25
DAYS_A_PART = 240  # of history; some 1,600 rows
ROW_COLUMNS = ("test_time", "current", "voltage", "temperature", "cycle_number")
TRUTH_COLUMNS = ("test_time", "true_soc", "true_capacity", "true_r0")
MOST_ROWS_A_STEP = 5  # a step of one sample brings a row, and two more at each change of current
LONGEST_SAMPLE_SECONDS = 600.0


@dataclass(frozen=True)
class LifePlan:
    """`years` of history in few rows, then live at `speedup` with a row every `seconds_a_row` of the wall clock.

    Live rows slow down so that there are never more than `most_rows` in all: each time half of those left are sent, the
    pause between rows doubles. With the defaults the first doubling comes after about a day.
    """

    years: float = 5.0
    speedup: float = 60.0
    seconds_a_row: float = 2.0
    most_rows: int = 100_000


@dataclass(frozen=True)
class Part:
    """Rows by column, with the truth; live ones are sent each `pause` seconds of the wall clock."""

    columns: dict[str, np.ndarray]
    pause: float | None = None

    def __len__(self) -> int:
        return len(self.columns["test_time"])

    def of(self, names: tuple[str, ...]) -> dict[str, list[float]]:
        return {name: self.columns[name].tolist() for name in names}


def life_of(cell: SimulatedCell, plan: LifePlan) -> Iterator[Part]:
    """All parts of a life, history first; ends when `most_rows` are reached, which live rows take for ever to do."""
    left = plan.most_rows
    for part in history_of(cell, plan.years):
        if len(part) > left:
            return
        left -= len(part)
        yield part
    pause = plan.seconds_a_row
    while left >= 2 * MOST_ROWS_A_STEP:
        rest_of_phase = left // 2
        left -= rest_of_phase
        while rest_of_phase >= MOST_ROWS_A_STEP:
            sample = min(pause * plan.speedup, LONGEST_SAMPLE_SECONDS)
            part = Part(cell.advance(sample, sample), pause)
            rest_of_phase -= len(part)
            yield part
        pause *= 2


def history_of(cell: SimulatedCell, years: float) -> Iterator[Part]:
    """Years in some 2,400 rows each: one day of thirty is recorded, the others are slept through."""
    days = round(years * DAYS_A_YEAR)
    while days > 0:
        some = min(days, DAYS_A_PART)
        part = Part(cell.compress((some + 0.5) / DAYS_A_YEAR))  # half a day more, against the rounding of days
        days -= some
        if len(part):
            yield part


def part_since(part: Part, newest: float | None) -> Part:
    """What of a part is not older than the newest row that is stored."""
    if newest is None:
        return part
    there = part.columns["test_time"] >= newest
    return Part({name: values[there] for name, values in part.columns.items()}, part.pause)
