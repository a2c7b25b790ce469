"""The largest discharge of a cycle: from where the cell was fullest to where it was emptiest after that."""

from __future__ import annotations

import math
from dataclasses import dataclass

from energykit.measuring.interval import Interval, Row


@dataclass
class Swing:
    """The largest fall of the charge so far, and the height from which a larger one may come.

    It begins at the last row before the fall, so after the rest at the top where there was one, and ends at the first
    row that is as low as that. Where the load stops between two rows that is the one after it, so `end_voltage` is the
    lower of both: the voltage under load. A gap begins anew: what flowed in it is not known.
    """

    level: float = 0.0  # Ah since the cycle or the last gap began
    top: float = 0.0
    top_row: int = 0
    top_voltage: float = math.nan
    top_current: float = math.nan
    ah: float = 0.0
    start_row: int = 0
    start_voltage: float = math.nan
    start_current: float = math.nan
    end_row: int = 0
    end_voltage: float = math.nan

    @classmethod
    def first(cls, row: Row) -> Swing:
        swing = cls()
        swing.begin(row)
        return swing

    def begin(self, row: Row) -> None:
        self.level = self.top = 0.0
        self._note_top(row)

    def add(self, interval: Interval, before: Row, row: Row) -> None:
        if interval.is_gap:
            self.begin(row)
            return
        self.level += interval.charge_ah - interval.discharge_ah
        if self.level > self.top:
            self.top = self.level
            self._note_top(row)
        elif self.level == self.top:
            # Of rows at one moment on both sides of a step, the one at rest tells how full the cell is.
            if abs(row.current) <= abs(self.top_current):
                self._note_top(row)
        elif self.top - self.level > self.ah:
            self.ah = self.top - self.level
            self.start_row, self.end_row = self.top_row, row.row_id
            self.start_voltage, self.end_voltage = self.top_voltage, min(before.voltage, row.voltage)
            self.start_current = self.top_current

    def _note_top(self, row: Row) -> None:
        self.top_row, self.top_voltage, self.top_current = row.row_id, row.voltage, row.current
