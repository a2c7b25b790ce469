"""Batteries with the same states, side by side in arrays: an array over the batteries for each element of the state."""

from collections.abc import Sequence

import numpy as np

from energykit.ukf.checkpoint import Counts, FilterState
from energykit.ukf.constants import FamilyConstants
from energykit.ukf.covariance import packed_length, repair
from energykit.ukf.intake import Intake, LastControls, controls_after, take_in
from energykit.ukf.motions import motions_of
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.results import lay_out
from energykit.ukf.rows import FilterResult, FleetRows, Outcome, Places
from energykit.ukf.schedule import Schedule
from energykit.ukf.settling import believe
from energykit.ukf.stepping import Steps, step_through

TALLIED = {
    "stepped": Outcome.STEPPED,
    "not_finite": Outcome.NOT_FINITE,
    "backwards": Outcome.BACKWARDS,
    "diverged": Outcome.DIVERGED,
}


class Family:
    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.constants = FamilyConstants(parameters)
        states, size = self.constants.states, len(parameters)
        self.mean = np.empty((states, size))
        self.covariance = np.empty((packed_length(states), size))
        for place, each in enumerate(parameters):
            self.mean[:, place] = each.initial_mean
            upper_triangle = [
                each.initial_covariance[row][column] for row in range(states) for column in range(row, states)
            ]
            self.covariance[:, place] = upper_triangle
        self.upper = np.array(believe(list(self.mean), list(self.covariance))[0].upper)  # the covariance's factor
        self.controls = LastControls(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool))
        self.tallies = {name: np.zeros(size, dtype=np.int64) for name in Counts.__dataclass_fields__}

    def counts(self, place: int) -> Counts:
        return Counts(**{name: int(tally[place]) for name, tally in self.tallies.items()})

    def checkpoint(self, place: int) -> bytes:
        return FilterState(
            mean=self.mean[:, place].tolist(),
            covariance=self.covariance[:, place].tolist(),
            has_control=bool(self.controls.exist[place]),
            time=float(self.controls.time[place]),
            current=float(self.controls.current[place]),
            layout=self.constants.layout,
            counts=self.counts(place),
        ).to_bytes()

    def restore(self, place: int, checkpoint: bytes) -> None:
        state = FilterState.from_bytes(checkpoint, self.constants.layout)
        self.mean[:, place] = state.mean
        self.covariance[:, place], self.upper[:, place], _ = repair(state.covariance, self.constants.states)
        self.controls.exist[place] = state.has_control
        self.controls.time[place], self.controls.current[place] = state.time, state.current
        for name, tally in self.tallies.items():
            tally[place] = getattr(state.counts, name)

    def advance(self, rows: FleetRows) -> FilterResult:
        """What was known after each row, of all batteries end to end."""
        intake = take_in(rows, self.controls)
        motions = motions_of(intake, self.controls, self.constants)
        stepped = np.flatnonzero(intake.outcome == Outcome.STEPPED)
        schedule = Schedule(intake.battery[stepped])
        steps = step_through(schedule, motions, self.mean, self.covariance, self.upper, self.constants)
        intake.outcome[stepped[steps.diverged[schedule.slot]]] = Outcome.DIVERGED
        result = lay_out(intake, stepped, schedule, steps, self.mean, self.covariance)
        self._remember(intake, stepped, schedule, steps)
        return result

    def _remember(self, intake: Intake, stepped: Places, schedule: Schedule, steps: Steps) -> None:
        last_slots = schedule.offsets[schedule.queues - 1] + np.arange(len(schedule.queues))
        columns = schedule.family_columns(0, len(schedule.batteries))
        self.mean[:, columns] = steps.mean.take(last_slots, axis=1)
        self.covariance[:, columns] = steps.covariance.take(last_slots, axis=1)
        self.upper[:, columns] = steps.upper
        self.controls = controls_after(intake, self.controls)
        for name, outcome in TALLIED.items():
            self._tally(name, intake.battery[intake.outcome == outcome])
        self._tally("repaired", intake.battery[stepped[steps.repaired[schedule.slot]]])

    def _tally(self, name: str, batteries: Places) -> None:
        if len(batteries):
            self.tallies[name] += np.bincount(batteries, minlength=len(self.tallies[name]))
