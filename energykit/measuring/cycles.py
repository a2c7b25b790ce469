"""Where a cycle begins, and what is measured in each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from energykit.measuring.interval import Interval, Row
from energykit.measuring.rules import MeasuringRules
from energykit.measuring.swing import Swing


@dataclass(frozen=True)
class Cycle:
    """One whole cycle: from its first row to the first row of the next. What is not known is NaN."""

    place: int  # 0 is the battery's first
    number: int  # the row's cycle_number, or else place + 1
    start_time: float  # s
    end_time: float
    charge_ah: float
    discharge_ah: float
    charge_wh: float
    discharge_wh: float
    mean_temperature: float  # °C, weighted with time
    highest_temperature: float
    gap_seconds: float  # of its duration, that in which nothing could be integrated
    throughput_ah: float  # in and out, of the battery's life to the end of this cycle
    throughput_wh: float
    swing_ah: float  # the largest discharge without a gap, net of what was charged within it
    swing_start_row: int
    swing_start_voltage: float  # V
    swing_start_current: float  # A
    swing_end_row: int
    swing_end_voltage: float

    @property
    def duration_s(self) -> float:
        return self.end_time - self.start_time


@dataclass
class OpenCycle:
    """The cycle that goes on, as sums. All fields are numbers, so that a checkpoint is a list of numbers."""

    place: int = 0
    number: float = math.nan
    start_time: float = 0.0
    charge_ah: float = 0.0
    discharge_ah: float = 0.0
    charge_wh: float = 0.0
    discharge_wh: float = 0.0
    warmth: float = 0.0  # °C s
    warmth_seconds: float = 0.0
    highest_temperature: float = math.nan
    gap_seconds: float = 0.0
    throughput_ah: float = 0.0  # up to the beginning of this cycle
    throughput_wh: float = 0.0

    def begun(self, row: Row) -> OpenCycle:
        """With its first row."""
        return replace(self, number=row.cycle_number, start_time=row.time, highest_temperature=row.temperature)

    def ends_at(self, before: Row, row: Row, rules: MeasuringRules) -> bool:
        """A new cycle begins at `row` where its cycle_number differs; or, where rows have none, as charging begins
        after at least `cycle_depth` of the nominal capacity was discharged in this one."""
        if row.cycle_number == row.cycle_number:
            return row.cycle_number != self.number
        if rules.nominal_capacity_ah is None or self.number == self.number:
            return False
        begins_to_charge = row.current > rules.rest_current >= before.current
        return begins_to_charge and self.discharge_ah > rules.cycle_depth * rules.nominal_capacity_ah

    def add(self, interval: Interval, before: Row, row: Row) -> None:
        if interval.is_gap:
            self.gap_seconds += interval.seconds
        else:
            self.charge_ah += interval.charge_ah
            self.discharge_ah += interval.discharge_ah
            self.charge_wh += interval.charge_wh
            self.discharge_wh += interval.discharge_wh
            warmth = 0.5 * (before.temperature + row.temperature) * interval.seconds
            if warmth == warmth:
                self.warmth += warmth
                self.warmth_seconds += interval.seconds

    def note_temperature(self, row: Row) -> None:
        if not row.temperature <= self.highest_temperature and row.temperature == row.temperature:
            self.highest_temperature = row.temperature

    def finished(self, end_time: float, swing: Swing) -> Cycle:
        return Cycle(
            place=self.place,
            number=int(self.number) if self.number == self.number else self.place + 1,
            start_time=self.start_time,
            end_time=end_time,
            charge_ah=self.charge_ah,
            discharge_ah=self.discharge_ah,
            charge_wh=self.charge_wh,
            discharge_wh=self.discharge_wh,
            mean_temperature=self.warmth / self.warmth_seconds if self.warmth_seconds > 0.0 else math.nan,
            highest_temperature=self.highest_temperature,
            gap_seconds=self.gap_seconds,
            throughput_ah=self.throughput_ah + (self.charge_ah + self.discharge_ah),
            throughput_wh=self.throughput_wh + (self.charge_wh + self.discharge_wh),
            swing_ah=swing.ah,
            swing_start_row=swing.start_row,
            swing_start_voltage=swing.start_voltage,
            swing_start_current=swing.start_current,
            swing_end_row=swing.end_row,
            swing_end_voltage=swing.end_voltage,
        )

    def next(self, row: Row) -> OpenCycle:
        return OpenCycle(
            place=self.place + 1,
            number=row.cycle_number,
            start_time=row.time,
            highest_temperature=row.temperature,
            throughput_ah=self.throughput_ah + (self.charge_ah + self.discharge_ah),
            throughput_wh=self.throughput_wh + (self.charge_wh + self.discharge_wh),
        )
