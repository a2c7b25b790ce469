"""Batteries with the same states, side by side in arrays: an array over the batteries for each element of the state."""

from collections.abc import Sequence

import numpy as np

from energykit.ukf.abreast import BeliefsAbreast
from energykit.ukf.checkpoint import Counts, FilterState
from energykit.ukf.constants import FamilyConstants
from energykit.ukf.covariance import factor, repair
from energykit.ukf.intake import Intake, LastControls, chosen, controls_after, take_in
from energykit.ukf.motions import motions_of
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.results import lay_out, shown_by
from energykit.ukf.rows import FilterResult, FleetRows, Outcome
from energykit.ukf.schedule import Schedule
from energykit.ukf.settling import Belief
from energykit.ukf.stepping import Stepper

STEPPED = int(Outcome.STEPPED)
TALLIED = {
    "stepped": int(Outcome.STEPPED),
    "not_finite": int(Outcome.NOT_FINITE),
    "backwards": int(Outcome.BACKWARDS),
    "diverged": int(Outcome.DIVERGED),
}


class Family:
    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.constants = FamilyConstants(parameters)
        states, size = self.constants.states, len(parameters)
        self.beliefs = BeliefsAbreast.room_for(states, size)
        self.beliefs.mean[:] = np.array([each.initial_mean for each in parameters]).T
        triangle = self.beliefs.triangle
        packed = np.array([each.initial_covariance for each in parameters]).transpose(1, 2, 0)[triangle]
        self.beliefs.covariance[triangle] = packed
        self.beliefs.upper[triangle] = factor(list(packed), states, np.sqrt)[0]
        self.stepper = Stepper(self.constants)
        self.controls = LastControls(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool))
        self.tallies = {name: np.zeros(size, dtype=np.int64) for name in Counts.__dataclass_fields__}

    def counts(self, place: int) -> Counts:
        return Counts(**{name: int(tally[place]) for name, tally in self.tallies.items()})

    def checkpoint(self, place: int) -> bytes:
        belief = self.beliefs.of_one(place)
        return FilterState(
            mean=belief.mean,
            covariance=belief.covariance,
            has_control=bool(self.controls.exist[place]),
            time=float(self.controls.time[place]),
            current=float(self.controls.current[place]),
            layout=self.constants.layout,
            counts=self.counts(place),
        ).to_bytes()

    def restore(self, place: int, checkpoint: bytes) -> None:
        state = FilterState.from_bytes(checkpoint, self.constants.layout)
        covariance, upper, _ = repair(state.covariance, self.constants.states)
        self.beliefs.put(place, Belief(list(state.mean), covariance, upper))
        self.controls.exist[place] = state.has_control
        self.controls.time[place], self.controls.current[place] = state.time, state.current
        for name, tally in self.tallies.items():
            tally[place] = getattr(state.counts, name)

    def advance(self, rows: FleetRows) -> FilterResult:
        """What was known after each row, of all batteries end to end."""
        intake = take_in(rows, self.controls)
        motions = motions_of(intake, self.controls, self.constants)
        stepped = chosen(intake.outcome == STEPPED)
        schedule = Schedule(intake.battery[stepped])
        shown = shown_by(intake, stepped, self.beliefs)
        steps = self.stepper.step_through(schedule, motions, self.beliefs)
        if steps.diverged.any():
            places = np.arange(len(intake.time))[stepped]
            intake.outcome[places[steps.diverged[schedule.slot]]] = int(Outcome.DIVERGED)
        self.controls = controls_after(intake, self.controls)
        self._tally(intake)
        if steps.repaired.any():
            repaired = intake.battery[stepped][steps.repaired[schedule.slot]]
            self.tallies["repaired"] += np.bincount(repaired, minlength=len(self.controls.time))
        return lay_out(intake, stepped, schedule, steps, shown)

    def _tally(self, intake: Intake) -> None:
        """All outcomes are counted at once: which row's it is, and which outcome."""
        size, kinds = len(self.controls.time), len(Outcome)
        found = np.bincount(intake.battery * kinds + intake.outcome, minlength=size * kinds).reshape(size, kinds)
        for name, outcome in TALLIED.items():
            self.tallies[name] += found[:, outcome]
