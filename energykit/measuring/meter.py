"""Rows in order of time go in, measurements come out; where it stands is a checkpoint of some 500 bytes.

Each row is taken one after the other and every sum grows by one interval at a time, so the numbers are the same, bit
for bit, however the rows are cut into chunks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from energykit.errors import BadRows
from energykit.measuring.checkpoint import from_bytes, numbers_of, refill, to_bytes
from energykit.measuring.cycles import Cycle, OpenCycle
from energykit.measuring.interval import Row, interval_between
from energykit.measuring.resistance import Resistance, StepWatch
from energykit.measuring.rules import MeasuringRules
from energykit.measuring.swing import Swing
from energykit.measuring.totals import Totals

NO_READING = 1e15  # from here on a number is no reading; the filter passes such rows over, too

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeterRows:
    """Rows in order of test_time, k of each: id, test_time (s), current (A, positive while charging), voltage (V).

    `temperature` (°C) and `cycle_number` are None where the battery has none; NaN where a row has none.
    """

    ids: NDArray[np.int64]
    time: Floats
    current: Floats
    voltage: Floats
    temperature: Floats | None = None
    cycle_number: Floats | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows whose time, current or voltage is no reading (NaN, infinite, 1e15) are passed over."""
        found: NDArray[np.bool_] = np.abs(self.time) < NO_READING  # false for NaN
        found &= (np.abs(self.current) < NO_READING) & (np.abs(self.voltage) < NO_READING)
        return found

    def rows(self) -> list[Row]:
        places = np.flatnonzero(self.usable)
        needed = [column[places].tolist() for column in (self.ids, self.time, self.current, self.voltage)]
        beside = [_readings(column, places) for column in (self.temperature, self.cycle_number)]
        return list(map(Row._make, zip(*needed, *beside, strict=True)))


def _readings(column: Floats | None, places: NDArray[np.intp]) -> list[float]:
    """NaN where it is no reading."""
    if column is None:
        return [math.nan] * len(places)
    values = column[places]
    found: list[float] = np.where(np.abs(values) < NO_READING, values, np.nan).tolist()
    return found


@dataclass
class Measured:
    """What some rows completed."""

    cycles: list[Cycle] = field(default_factory=list)
    resistances: list[Resistance] = field(default_factory=list)


@dataclass
class _Newest:
    """The newest row, as a checkpoint keeps it."""

    row_id: int = 0
    time: float = math.nan
    current: float = 0.0
    voltage: float = 0.0
    temperature: float = math.nan
    cycle_number: float = math.nan


class Meter:
    """One battery's. Give it all rows, in order of time."""

    def __init__(self, rules: MeasuringRules) -> None:
        self.rules = rules
        self.totals = Totals()
        self._newest: Row | None = None
        self._cycle = OpenCycle()
        self._swing = Swing()
        self._steps = StepWatch()

    @property
    def newest_time(self) -> float | None:
        """test_time of the newest row taken, s."""
        return None if self._newest is None else self._newest.time

    @property
    def newest(self) -> tuple[float, int] | None:
        """test_time (s) and id of the newest row taken: the place from which to go on."""
        return None if self._newest is None else (self._newest.time, self._newest.row_id)

    @property
    def open_place(self) -> int:
        """Place of the cycle that goes on; those before it are whole."""
        return self._cycle.place

    @property
    def open_cycle(self) -> Cycle | None:
        """The cycle that goes on, as if it ended with the newest row."""
        return None if self._newest is None else self._cycle.finished(self._newest.time, self._swing)

    def advance(self, rows: MeterRows) -> Measured:
        """Takes the rows and tells what they completed; raises BadRows, before anything is taken, where time falls."""
        usable = rows.rows()
        self._check_order(usable)
        found = Measured()
        for row in usable:
            self._take(row, found)
        return found

    def _check_order(self, rows: list[Row]) -> None:
        newest = -math.inf if self._newest is None else self._newest.time
        for row in rows:
            if row.time < newest:
                raise BadRows(f"Row {row.row_id} at {row.time} s is older than one before it, at {newest} s.")
            newest = row.time

    def _take(self, row: Row, found: Measured) -> None:
        before, rules = self._newest, self.rules
        self._newest = row
        self.totals.note(row)
        if before is None:
            self._cycle, self._swing = self._cycle.begun(row), Swing.first(row)
            return
        interval = interval_between(before, row, rules.gap_seconds)
        self.totals.add(interval, before, row, rules.rest_current)
        self._cycle.add(interval, before, row)
        self._swing.add(interval, before, row)
        resistance = self._steps.see(before, row, rules)
        if resistance is not None:
            found.resistances.append(resistance)
        if self._cycle.ends_at(before, row, rules):
            found.cycles.append(self._cycle.finished(row.time, self._swing))
            self._cycle, self._swing = self._cycle.next(row), Swing.first(row)
        else:
            self._cycle.note_temperature(row)

    @classmethod
    def begun_after(
        cls, rules: MeasuringRules, place: int, *, throughput_ah: float, throughput_wh: float, totals: Totals
    ) -> Self:
        """Its first row begins the cycle after that at `place`, up to whose end so much flowed in and out.

        `totals` are what is known of the time before, without its rows.
        """
        meter = cls(rules)
        meter.totals = totals
        meter._cycle = OpenCycle(place=place + 1, throughput_ah=throughput_ah, throughput_wh=throughput_wh)
        return meter

    # --- checkpoints -----------------------------------------------------------------------------------------------
    def checkpoint(self) -> bytes:
        """All there is to know beside the rules."""
        newest = _Newest() if self._newest is None else _Newest(*self._newest)
        parts = (newest, self.totals, self._cycle, self._swing, self._steps)
        return to_bytes([number for part in parts for number in numbers_of(part)])

    @classmethod
    def restored(cls, rules: MeasuringRules, checkpoint: bytes) -> Self:
        """Goes on to the bit; no bytes: begins anew. Raises BadCheckpoint."""
        meter = cls(rules)
        if not checkpoint:
            return meter
        newest = _Newest()
        parts = (newest, meter.totals, meter._cycle, meter._swing, meter._steps)
        numbers = from_bytes(checkpoint, sum(len(numbers_of(part)) for part in parts))
        for part in parts:
            refill(part, numbers)
        if meter.totals.rows:
            meter._newest = Row(*(getattr(newest, name) for name in Row._fields))
        return meter
