"""Charges and discharges in a row of currents: from one turning point of the charge to the next."""

from dataclasses import dataclass

import numpy as np

from energykit.fitting.rows import SECONDS_PER_HOUR, CellRows

LEAST_SHARE_OF_RUN = 0.1  # a turn by less of the most that moved at once is a pulse within a half cycle


@dataclass(frozen=True)
class HalfCycle:
    """From the row before the first to move charge to the row at which it ended, both included."""

    first: int
    last: int
    moved_ah: float  # positive for a charge
    begins_at_turn: bool  # false where the rows begin or end in the middle of it
    ends_at_turn: bool
    start_voltage: float  # V at the end of the half cycle before, that is where its end point lies
    end_voltage: float
    mean_current: float  # A, over the time it flowed; negative for a discharge
    hours: float

    @property
    def is_charge(self) -> bool:
        return self.moved_ah > 0


def half_cycles(rows: CellRows) -> list[HalfCycle]:
    """All of them in order, the unfinished ones at both ends of the rows too."""
    turns = _turning_points(rows)
    ends = [_end_of_flow(rows, turn) for turn in turns]
    found = []
    for number in range(len(turns) - 1):
        first = _start_of_flow(rows, turns[number], turns[number + 1])
        last = ends[number + 1]
        moved = float(rows.moved_ah[turns[number + 1]] - rows.moved_ah[turns[number]])
        if moved == 0 or last <= first:
            continue
        flows = ~rows.is_rest[first:last]
        seconds = float(np.diff(rows.time[first : last + 1])[flows].sum())
        found.append(
            HalfCycle(
                first=first,
                last=last,
                moved_ah=moved,
                begins_at_turn=number > 0,
                ends_at_turn=number + 2 < len(turns) or _has_stopped(rows, last),
                start_voltage=float(rows.voltage[ends[number]]),
                end_voltage=float(rows.voltage[last]),
                mean_current=moved * SECONDS_PER_HOUR / seconds if seconds else 0.0,
                hours=seconds / SECONDS_PER_HOUR,
            )
        )
    return found


def _turning_points(rows: CellRows) -> list[int]:
    """Rows at which the charge turns by more than a tenth of its largest run, with the first and the last row."""
    moved_ah, least = rows.moved_ah, LEAST_SHARE_OF_RUN * rows.largest_run_ah
    if least == 0:
        return [0, len(moved_ah) - 1]
    candidates = rows.turns.tolist()
    turns = [0]
    direction, extreme = 0, 0
    for row in candidates[1:]:
        here = moved_ah[row]
        if direction == 0:
            if abs(here - moved_ah[extreme]) >= least:
                direction, extreme = (1 if here > moved_ah[extreme] else -1), row
        elif direction * (here - moved_ah[extreme]) >= 0:
            extreme = row
        elif abs(here - moved_ah[extreme]) >= least:
            turns.append(extreme)
            direction, extreme = -direction, row
    return [*turns, extreme] if extreme else [0, len(moved_ah) - 1]


def _end_of_flow(rows: CellRows, turn: int) -> int:
    """The last row before a turn with the current of the half cycle: rests after it are not of the half cycle."""
    is_end_of_rows = turn == len(rows) - 1
    row = turn if is_end_of_rows or turn == 0 else turn - 1  # a turning row has the next current already
    while row > 0 and rows.is_rest[row]:
        row -= 1
    return row


def _start_of_flow(rows: CellRows, turn: int, end: int) -> int:
    row = turn
    while row < end and rows.is_rest[row]:
        row += 1
    return row


def _has_stopped(rows: CellRows, last: int) -> bool:
    return last + 1 < len(rows) and bool(rows.is_rest[last + 1])
