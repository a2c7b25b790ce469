"""What a battery has been through in all."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

from energykit.measuring.interval import Interval, Row
from energykit.measuring.rules import TEMPERATURE_EDGES


@dataclass
class Totals:
    """Sums over all intervals between usable rows, extremes over the rows. Seconds, Ah, Wh, V, A, °C.

    An interval is one of charging, discharging or rest by its mean current. Time in a temperature band goes by the
    mean of both rows; band k lies between edges k − 1 and k, the lower edge belongs to it.
    """

    rows: int = 0
    charge_ah: float = 0.0
    discharge_ah: float = 0.0
    charge_wh: float = 0.0
    discharge_wh: float = 0.0
    charging_seconds: float = 0.0
    discharging_seconds: float = 0.0
    resting_seconds: float = 0.0
    gap_seconds: float = 0.0
    gaps: int = 0
    lowest_voltage: float = math.nan
    highest_voltage: float = math.nan
    lowest_current: float = math.nan
    highest_current: float = math.nan
    lowest_temperature: float = math.nan
    highest_temperature: float = math.nan
    temperature_seconds: list[float] = field(default_factory=lambda: [0.0] * (len(TEMPERATURE_EDGES) + 1))

    @property
    def throughput_ah(self) -> float:
        """In and out."""
        return self.charge_ah + self.discharge_ah

    @property
    def throughput_wh(self) -> float:
        return self.charge_wh + self.discharge_wh

    def add(self, interval: Interval, before: Row, row: Row, rest_current: float) -> None:
        seconds = interval.seconds
        if interval.is_gap:
            self.gap_seconds += seconds
            self.gaps += 1
            return
        self.charge_ah += interval.charge_ah
        self.discharge_ah += interval.discharge_ah
        self.charge_wh += interval.charge_wh
        self.discharge_wh += interval.discharge_wh
        current = 0.5 * (before.current + row.current)
        if current > rest_current:
            self.charging_seconds += seconds
        elif current < -rest_current:
            self.discharging_seconds += seconds
        else:
            self.resting_seconds += seconds
        temperature = 0.5 * (before.temperature + row.temperature)
        if temperature == temperature:
            self.temperature_seconds[bisect_right(TEMPERATURE_EDGES, temperature)] += seconds

    def note(self, row: Row) -> None:
        """The row's own values; comparisons are such that NaN, not known yet, gives way to the first."""
        self.rows += 1
        if not row.voltage >= self.lowest_voltage:
            self.lowest_voltage = row.voltage
        if not row.voltage <= self.highest_voltage:
            self.highest_voltage = row.voltage
        if not row.current >= self.lowest_current:
            self.lowest_current = row.current
        if not row.current <= self.highest_current:
            self.highest_current = row.current
        if row.temperature == row.temperature:
            if not row.temperature >= self.lowest_temperature:
                self.lowest_temperature = row.temperature
            if not row.temperature <= self.highest_temperature:
                self.highest_temperature = row.temperature
