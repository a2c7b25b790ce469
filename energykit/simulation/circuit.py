"""The body of a simulated cell: OCV, series resistance, one RC pair, heat, ageing."""

import math
from dataclasses import dataclass, field

from energykit.ocv import OcvTable
from energykit.simulation.ageing import Ageing

THERMAL_SECONDS = 1_800.0
SECONDS_PER_HOUR = 3_600.0


@dataclass
class Circuit:
    """Current is positive while charging; nothing here is noisy. Resistances do not depend on temperature."""

    ocv: OcvTable
    lowest_voltage: float
    highest_voltage: float
    new_capacity_ah: float
    new_r0_ohm: float
    rc_ohm: float
    rc_seconds: float
    kelvin_per_watt: float
    ageing: Ageing
    soc: float
    celsius: float
    current: float = field(default=0.0)
    rc_current: float = field(default=0.0)

    @property
    def capacity_ah(self) -> float:
        return self.new_capacity_ah * self.ageing.capacity_share

    @property
    def r0_ohm(self) -> float:
        return self.new_r0_ohm * self.ageing.r0_share

    @property
    def voltage(self) -> float:
        return self.ocv.voltage_at(self.soc) + self.current * self.r0_ohm + self.rc_current * self.rc_ohm

    def move(self, seconds: float, current: float, ambient_celsius: float) -> None:
        """Charge flows with the current so far; then this current is on, and the RC pair has seen it all the while."""
        moved_ah = self.current * seconds / SECONDS_PER_HOUR
        self.soc += moved_ah / self.capacity_ah
        self.ageing.endure(seconds, self.celsius, abs(moved_ah) / (2.0 * self.new_capacity_ah))
        warmth = self.kelvin_per_watt * self.current * self.current * (self.r0_ohm + self.rc_ohm)
        settled = ambient_celsius + warmth
        self.celsius = settled + (self.celsius - settled) * math.exp(-seconds / THERMAL_SECONDS)
        decay = math.exp(-seconds / self.rc_seconds)
        self.rc_current = self.rc_current * decay + current * (1.0 - decay)
        self.current = current

    def allowed(self, wish: float, seconds: float, lowest_soc: float, highest_soc: float) -> float:
        """As much of the wished current (A) as SOC and voltage stand for so long."""
        full, ohm = self.capacity_ah * SECONDS_PER_HOUR, self.r0_ohm + self.rc_ohm
        if wish > 0:
            current = min(wish, max((highest_soc - self.soc) * full / seconds, 0.0))
            room = self.highest_voltage - self.ocv.voltage_at(self.soc + current * seconds / full)
            return min(current, max(room / ohm, 0.0))
        current = max(wish, min((lowest_soc - self.soc) * full / seconds, 0.0))
        room = self.lowest_voltage - self.ocv.voltage_at(self.soc + current * seconds / full)
        return max(current, min(room / ohm, 0.0))
