"""What happens between one row and the next: charge that flows, RC currents that relax, heat and cold."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from energykit.ukf.constants import FamilyConstants
from energykit.ukf.intake import Intake, LastControls, is_first, one_later
from energykit.ukf.rows import Floats, Outcome, Places
from energykit.ukf.step import Row

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Motions:
    """What happens between the previous row taken and this one, for every row to step, battery after battery."""

    charge: Floats  # Ah that the cell keeps
    seconds: Floats
    decays: list[Floats]  # factor for each RC pair
    current: Floats  # A, of the row itself
    current_over_r0: Floats  # A
    voltage: Floats  # V

    def in_order(self, slots: Places) -> "Motions":
        """Each row moved to its slot."""
        current = _moved(self.current, slots)
        return Motions(
            _moved(self.charge, slots),
            _moved(self.seconds, slots),
            [_moved(decay, slots) for decay in self.decays],
            current,
            current if self.current_over_r0 is self.current else _moved(self.current_over_r0, slots),
            _moved(self.voltage, slots),
        )

    def rows(self, slots: slice) -> Row:
        """Several rows abreast, as arrays."""
        return Row(
            self.charge[slots],
            self.seconds[slots],
            [decay[slots] for decay in self.decays],
            self.current[slots],
            self.current_over_r0[slots],
            self.voltage[slots],
        )

    def rows_of_one(self, slots: Places) -> Iterator[Row]:
        """One row after the other, as floats."""
        charge, seconds, current, current_over_r0, voltage = (
            values[slots].tolist()
            for values in (self.charge, self.seconds, self.current, self.current_over_r0, self.voltage)
        )
        decays = zip(*(decay[slots].tolist() for decay in self.decays), strict=True) if self.decays else repeat(())
        return map(Row, charge, seconds, decays, current, current_over_r0, voltage)


def _moved(values: Floats, slots: Places) -> Floats:
    moved = np.empty_like(values)
    moved[slots] = values
    return moved


def motions_of(intake: Intake, controls: LastControls, constants: FamilyConstants) -> Motions:
    """Charge flows with the previous row's current, at the row's own temperature; only charging loses some of it."""
    taken, battery = intake.taken, intake.battery[intake.taken]
    time, current = intake.time[taken], intake.current[taken]
    first = is_first(battery)
    time_before, current_before = one_later(time), one_later(current)
    time_before[first], current_before[first] = controls.time[battery[first]], controls.current[battery[first]]

    steps = intake.outcome[taken] == Outcome.STEPPED
    battery, seconds = battery[steps], (time - time_before)[steps]
    current_before = current_before[steps]
    kept = np.where(current_before >= 0.0, constants.efficiency[battery], 1.0)
    charge = kept * (current_before * seconds / SECONDS_PER_HOUR)
    decays = [np.exp(-seconds / seconds_to_decay[battery]) for seconds_to_decay in constants.time_constants]
    current_over_r0 = current = current[steps]
    if constants.temperature.exists and intake.temperature is not None:
        r0, capacity = constants.temperature.factors(battery, intake.temperature[taken[steps]])
        charge, current_over_r0 = charge / capacity, current * r0
    return Motions(charge, seconds, decays, current, current_over_r0, intake.voltage[taken[steps]])
