"""What happens between one row and the next: charge that flows, RC currents that relax, heat and cold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from energykit.ukf.constants import FamilyConstants
from energykit.ukf.intake import Intake, LastControls, chosen, in_family, is_first, one_later
from energykit.ukf.rows import Floats, Outcome, Places, picked
from energykit.ukf.step import Row

SECONDS_PER_HOUR = 3600.0
STEPPED = int(Outcome.STEPPED)


class RowsAbreast(NamedTuple):
    """A row of several batteries each; see Row."""

    charge: Floats
    seconds: Floats
    decays: Floats  # (fading, batteries)
    current: Floats
    current_over_r0: Floats
    voltage: Floats


@dataclass(frozen=True, slots=True)
class Motions:
    """What happens between the previous row taken and this one, for every row to step, battery after battery."""

    charge: Floats  # Ah that the cell keeps
    seconds: Floats
    decays: Floats  # (fading, rows), factor for each RC pair and for hysteresis that fades
    current: Floats  # A, of the row itself
    current_over_r0: Floats  # A
    voltage: Floats  # V

    def in_order(self, slots: slice | Places) -> "Motions":
        """Each row moved to its slot; a slice says that they are there."""
        if isinstance(slots, slice):
            return self
        current = _moved(self.current, slots)
        return Motions(
            _moved(self.charge, slots),
            _moved(self.seconds, slots),
            _moved(self.decays, slots),
            current,
            current if self.current_over_r0 is self.current else _moved(self.current_over_r0, slots),
            _moved(self.voltage, slots),
        )

    def rows(self, slots: slice) -> RowsAbreast:
        """Several rows abreast, as arrays."""
        return RowsAbreast(
            self.charge[slots],
            self.seconds[slots],
            self.decays[:, slots],
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
        decays = self.decays[:, slots].T.tolist()
        return map(Row, charge, seconds, decays, current, current_over_r0, voltage)


def _moved(values: Floats, slots: Places) -> Floats:
    moved = np.empty_like(values)
    moved[..., slots] = values
    return moved


def motions_of(intake: Intake, controls: LastControls, constants: FamilyConstants) -> Motions:
    """Charge flows with the previous row's current, at the row's own temperature; only charging loses some of it."""
    battery, time, current = intake.battery[intake.taken], intake.time[intake.taken], intake.current[intake.taken]
    first = chosen(is_first(battery))
    shown = in_family(battery[first], len(controls.time))
    time_before, current_before = one_later(time), one_later(current)
    time_before[first], current_before[first] = controls.time[shown], controls.current[shown]

    steps = chosen(intake.outcome[intake.taken] == STEPPED)
    whose = in_family(battery[steps], len(controls.time))
    seconds, current_before, current = (time - time_before)[steps], current_before[steps], current[steps]
    kept = np.where(current_before >= 0.0, constants.efficiency[whose], 1.0)
    charge = kept * (current_before * seconds / SECONDS_PER_HOUR)
    decays = np.exp(-seconds / picked(constants.time_constants, whose))
    current_over_r0 = current
    if constants.temperature.exists and intake.temperature is not None:
        r0, capacity = constants.temperature.factors(whose, intake.temperature[intake.taken][steps])
        charge, current_over_r0 = charge / capacity, current * r0
    return Motions(charge, seconds, decays, current, current_over_r0, intake.voltage[intake.taken][steps])
