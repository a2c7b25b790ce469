"""Resistance at steps of current: ΔV over ΔI between the rows on both sides of a step.

It is the resistance over the time between these two rows: over some ms nearly R0, over seconds with a part of what the
RC pairs add. So the delay stands beside each number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from energykit.measuring.interval import Row
from energykit.measuring.rules import MeasuringRules

STEADY_SHARE = 0.1  # of the step: as much may the current have changed in the interval before it
NOISE_WEIGHT = 0.01  # of the newest difference in the running mean: it remembers about 100
FEWEST_DIFFERENCES = 20
NOISE_BEFORE_V = 1e-3  # until so many are known
LEAST_NOISE_V = 1e-4  # no logger resolves better
EQUAL_SPACING = 0.1
EQUAL_CURRENT_C_RATE = 0.002
# The second difference of white noise has the variance 6 σ², and |x| of a normal one the mean √(2/π) of its deviation.
NOISE_OF_MEAN_DIFFERENCE = math.sqrt(math.pi / 2.0) / math.sqrt(6.0)


@dataclass(frozen=True)
class Resistance:
    """One step. `row_id` is the row after it. `ohm_sd` is from the voltage's noise and its drift before the step."""

    row_id: int
    test_time: float  # s
    ohm: float
    ohm_sd: float
    delay_s: float  # between the two rows
    is_charge: bool  # which way the larger of the two currents flows
    current_before: float  # A
    current_after: float
    temperature: float  # °C, NaN where not known


@dataclass
class StepWatch:
    """The two rows before the newest, the noise of the voltage, and when a resistance was measured last."""

    rows: int = 0  # known of the two below: 0, 1 or 2
    older_time: float = 0.0
    older_current: float = 0.0
    older_voltage: float = 0.0
    mean_difference: float = 0.0  # of |second differences| of the voltage at one current, V
    differences: int = 0
    last_charge: float = -math.inf  # s
    last_discharge: float = -math.inf

    @property
    def voltage_sd(self) -> float:
        if self.differences < FEWEST_DIFFERENCES:
            return NOISE_BEFORE_V
        return max(LEAST_NOISE_V, NOISE_OF_MEAN_DIFFERENCE * self.mean_difference)

    def see(self, before: Row, row: Row, rules: MeasuringRules) -> Resistance | None:
        """`before` is the row that was seen last. Tells the resistance where there was a step that shows one."""
        found = None
        if self.rows > 1 and rules.nominal_capacity_ah is not None:
            step = row.current - before.current
            if abs(step) >= rules.step_c_rate * rules.nominal_capacity_ah:
                found = self._at_step(before, row, step, rules)
            else:
                self._learn_noise(before, row, EQUAL_CURRENT_C_RATE * rules.nominal_capacity_ah)
        self.older_time, self.older_current, self.older_voltage = before.time, before.current, before.voltage
        self.rows = 2
        return found

    def _learn_noise(self, before: Row, row: Row, most: float) -> None:
        one, other = before.time - self.older_time, row.time - before.time
        if not one > 0.0 or abs(one - other) > EQUAL_SPACING * one:
            return
        if abs(row.current - before.current) > most or abs(before.current - self.older_current) > most:
            return
        difference = abs(row.voltage - 2.0 * before.voltage + self.older_voltage)
        self.differences += 1
        weight = max(NOISE_WEIGHT, 1.0 / self.differences)
        self.mean_difference += weight * (difference - self.mean_difference)

    def _at_step(self, before: Row, row: Row, step: float, rules: MeasuringRules) -> Resistance | None:
        delay = row.time - before.time
        earlier = before.time - self.older_time
        is_steady = abs(before.current - self.older_current) <= STEADY_SHARE * abs(step)
        if not 0.0 < delay <= rules.step_seconds or not earlier > 0.0 or not is_steady:
            return None
        is_charge = (row.current if abs(row.current) >= abs(before.current) else before.current) > 0.0
        last = self.last_charge if is_charge else self.last_discharge
        if row.time - last < rules.step_spacing_seconds:
            return None
        ohm = (row.voltage - before.voltage) / step
        drift = (before.voltage - self.older_voltage) / earlier * delay
        ohm_sd = math.sqrt(2.0 * self.voltage_sd**2 + drift * drift) / abs(step)
        # Judged by its deviation alone: judged by the share of it, those that noise made large would stay.
        if not ohm > 0.0 or ohm_sd * (rules.nominal_capacity_ah or 0.0) > rules.step_most_sd_v:
            return None
        if is_charge:
            self.last_charge = row.time
        else:
            self.last_discharge = row.time
        return Resistance(
            row.row_id, row.time, ohm, ohm_sd, delay, is_charge, before.current, row.current, row.temperature
        )
