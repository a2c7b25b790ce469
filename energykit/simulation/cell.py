"""A simulated cell: it does its duty and ages, and tells what a logger would record and what was true."""

import math

import numpy as np
from numpy.typing import NDArray

from energykit.ocv import OcvTable
from energykit.presets import PRESETS, REFERENCE_CAPACITY_AH
from energykit.simulation.ageing import RATES, SECONDS_PER_YEAR, Ageing
from energykit.simulation.circuit import Circuit
from energykit.simulation.duty import DAY, DUTIES, HOUR
from energykit.simulation.logger import Logger
from energykit.ukf.parameters import JointFilterParameters

SWITCH_SECONDS = 1.0
SWITCH_C_RATE = 0.02  # a smaller change of current is not worth two rows, unless it is to rest
DAILY_CELSIUS = 4.0
KELVIN_PER_WATT = 15.0  # of a cell of the reference capacity, to the air around it
CYCLE_DEPTH = 0.05  # charging after less than this share of the capacity was drawn begins no new cycle
START_SOC = 0.6


class SimulatedCell:
    """A cell of this chemistry and duty; the same seed lives the same life.

    Circuit and convention are those of the filter: charge flows between two rows with the current of the former, the
    RC current relaxes towards that of the latter. A row stands at each multiple of the sample time and on both sides of
    a change of current, one second apart, so that a real circuit would agree with both.
    """

    def __init__(self, seed: int = 0, preset: str = "nmc", duty: str = "commuter", capacity_ah: float | None = None):
        self.seed, self.preset, self.duty = seed, PRESETS[preset], DUTIES[duty]
        self.nominal_capacity_ah = capacity_ah or REFERENCE_CAPACITY_AH
        nominal = self.preset.parameters(self.nominal_capacity_ah)
        build = np.random.default_rng([seed, 0])
        self.circuit = Circuit(
            ocv=OcvTable(tuple(nominal["ocv_soc"]), tuple(nominal["ocv_voltage"]), nominal["ocv_interpolation"]),
            lowest_voltage=self.preset.lowest_voltage,
            highest_voltage=self.preset.highest_voltage,
            new_capacity_ah=nominal["capacity_ah"] * float(build.uniform(0.97, 1.03)),
            new_r0_ohm=nominal["r0_ohm"] * float(build.uniform(0.9, 1.1)),
            rc_ohm=nominal["rc_pairs"][0]["ohm"],
            rc_seconds=self.preset.rc_seconds,
            kelvin_per_watt=KELVIN_PER_WATT * REFERENCE_CAPACITY_AH / self.nominal_capacity_ah,
            ageing=Ageing(RATES[preset].scaled(float(build.uniform(0.8, 1.2)))),
            soc=START_SOC,
            celsius=self.duty.mean_celsius,
        )
        self._guessed_soc = START_SOC + float(build.uniform(-0.05, 0.05))
        self._logger = Logger(np.random.default_rng([seed, 1]))
        self.time = 0.0  # s; up to here the life has been asked for
        self._row_time, self._switch_time, self._switch_to = 0.0, math.inf, 0.0
        self._cycle, self._drawn_ah = 1, 0.0
        self._day_before: tuple[float, int] = (0.0, 0)
        self._dawn = 0.0, 1  # equivalent full cycles and cycle number when the day began
        self._begin_day(0)
        self._log()

    def advance(self, seconds: float, sample_seconds: float = 60.0) -> dict[str, NDArray[np.float64]]:
        """Live on; the rows of that time (see Logger), the same however the time is cut into calls."""
        self.time += seconds
        while True:
            decision = min(
                (math.floor(self._row_time / sample_seconds) + 1) * sample_seconds, self._next_stretch_time()
            )
            event = min(decision, self._switch_time)
            if event > self.time:
                return self._logger.take()
            self._reach(event, sample_seconds)

    def sleep(self, days: int) -> None:
        """Whole days without a row: the cell works as on the day before and ages, and rests with the SOC it had.

        Only at midnight, when every duty rests; raises ValueError otherwise.
        """
        if self.time != self._row_time or self.time % DAY or self.circuit.current:
            raise ValueError("A simulated cell sleeps from midnight to midnight; advance it by whole days first.")
        efc_a_day, cycles_a_day = self._day_before
        self.circuit.ageing.cycles += days * efc_a_day
        self._cycle += days * cycles_a_day
        self.time += days * DAY
        self._row_time = self.time
        self._begin_day(round(self.time / DAY))
        self._day_before = efc_a_day, cycles_a_day
        self.circuit.move(days * DAY, 0.0, self._ambient(self.time))

    def compress(
        self, years: float, sample_seconds: float = 600.0, days_a_recorded_day: int = 30
    ) -> dict[str, NDArray[np.float64]]:
        """Years in few rows: one day of so many is recorded, the others slept through."""
        parts, end = [], self.time + years * SECONDS_PER_YEAR
        while self.time + DAY <= end:
            parts.append(self.advance(DAY, sample_seconds))
            self.sleep(min(days_a_recorded_day - 1, int((end - self.time) // DAY)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}

    def filter_parameters(self) -> JointFilterParameters:
        """For a filter fed from this cell's first row: the preset that this cell resembles, and a guessed SOC."""
        preset = self.preset.parameters(self.nominal_capacity_ah)
        return JointFilterParameters.from_mapping(preset | {"initial_soc": self._guessed_soc})

    def _begin_day(self, day: int) -> None:
        """Wishes and weather depend on seed and day alone, so a day is the same whichever days were slept through."""
        chance = np.random.default_rng([self.seed, 2, day])
        self._midnight = float(day * DAY)
        self._day_celsius = float(chance.normal(0.0, 2.0))
        self._stretches = self.duty.day(day, chance)
        self._stretch = 0
        efc, cycles = self._dawn
        self._day_before = self.circuit.ageing.cycles - efc, self._cycle - cycles
        self._dawn = self.circuit.ageing.cycles, self._cycle

    def _next_stretch_time(self) -> float:
        following = self._stretches[self._stretch + 1 : self._stretch + 2]
        return self._midnight + (following[0].start if following else DAY)

    def _ambient(self, time: float) -> float:
        season = math.cos(2 * math.pi * (time / SECONDS_PER_YEAR - 0.05))  # day 0 is in deep winter
        hour = math.cos(2 * math.pi * (time - 5 * HOUR) / DAY)  # coldest at five in the morning
        return self.duty.mean_celsius + self._day_celsius - self.duty.seasonal_celsius * season - DAILY_CELSIUS * hour

    def _reach(self, event: float, sample_seconds: float) -> None:
        """Live to the event, log a row, and decide whether the current has to change."""
        seconds, before = event - self._row_time, self.circuit.current
        switching = event == self._switch_time
        current = self._switch_to if switching else before
        self._drawn_ah += max(-before, 0.0) * seconds / HOUR
        if current > 0 >= before and self._drawn_ah > CYCLE_DEPTH * self.nominal_capacity_ah:
            self._cycle, self._drawn_ah = self._cycle + 1, 0.0
        self.circuit.move(seconds, current, self._ambient(event))
        self._row_time = event
        self._log()
        if event == self._next_stretch_time():
            self._stretch += 1
            if self._stretch == len(self._stretches):
                self._begin_day(round(event / DAY))
        if switching:
            self._switch_time = math.inf
        elif self._switch_time == math.inf:
            self._decide(sample_seconds)

    def _decide(self, sample_seconds: float) -> None:
        wish = self._stretches[self._stretch].c_rate * self.nominal_capacity_ah
        next_decision = (math.floor(self._row_time / sample_seconds) + 1) * sample_seconds
        horizon = min(next_decision, self._next_stretch_time()) - self._row_time
        allowed = self.circuit.allowed(wish, horizon, self.duty.lowest_soc, self.duty.highest_soc)
        smallest = SWITCH_C_RATE * self.nominal_capacity_ah
        if abs(allowed) < smallest:
            allowed = 0.0
        current = self.circuit.current
        too_much = abs(current) > abs(allowed)
        if allowed != current and (too_much or not allowed or abs(allowed - current) > smallest):
            self._switch_time, self._switch_to = self._row_time + SWITCH_SECONDS, allowed

    def _log(self) -> None:
        self._logger.log(self._row_time, self._cycle, self.circuit)
