"""How a simulated cell loses capacity and gains resistance: with the square root of time, and with charge moved.

Capacity = new · (1 − calendar · √years − cyclic · EFC), resistance grows likewise; heat speeds up time by
Arrhenius' law. This is the usual shape of semi-empirical models; the rates have a plausible size, not a product's.
"""

import math
from dataclasses import dataclass

SECONDS_PER_YEAR = 365.25 * 86_400.0
ACTIVATION_KELVIN = 3_000.0  # 25 kJ/mol over the gas constant: about twice as fast at 45 °C as at 25 °C
REFERENCE_KELVIN = 298.15


@dataclass(frozen=True)
class AgeingRates:
    """Shares lost (capacity) or gained (resistance) per √year at 25 °C, and per equivalent full cycle."""

    capacity_per_root_year: float
    capacity_per_cycle: float
    r0_per_root_year: float
    r0_per_cycle: float

    def scaled(self, factor: float) -> "AgeingRates":
        return AgeingRates(*(factor * getattr(self, name) for name in self.__dataclass_fields__))


RATES = {
    "nmc": AgeingRates(0.030, 6.0e-5, 0.06, 1.5e-4),
    "nca": AgeingRates(0.035, 8.0e-5, 0.07, 2.0e-4),
    "lfp": AgeingRates(0.028, 3.0e-5, 0.05, 1.0e-4),
    "lco": AgeingRates(0.035, 1.5e-4, 0.08, 4.0e-4),
}


@dataclass
class Ageing:
    """What a cell has been through; `years` run faster in the heat."""

    rates: AgeingRates
    years: float = 0.0
    cycles: float = 0.0

    def endure(self, seconds: float, celsius: float, cycles: float) -> None:
        speed = math.exp(ACTIVATION_KELVIN * (1.0 / REFERENCE_KELVIN - 1.0 / (celsius + 273.15)))
        self.years += speed * seconds / SECONDS_PER_YEAR
        self.cycles += cycles

    @property
    def capacity_share(self) -> float:
        lost = self.rates.capacity_per_root_year * math.sqrt(self.years) + self.rates.capacity_per_cycle * self.cycles
        return max(1.0 - lost, 0.2)

    @property
    def r0_share(self) -> float:
        return 1.0 + self.rates.r0_per_root_year * math.sqrt(self.years) + self.rates.r0_per_cycle * self.cycles
