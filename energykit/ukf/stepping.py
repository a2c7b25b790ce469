"""Stepping batteries through their waiting rows: many abreast in arrays, the last few in plain floats."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.abreast import Abreast, BeliefsAbreast
from energykit.ukf.constants import ConstantsAbreast, FamilyConstants
from energykit.ukf.covariance import packed_length
from energykit.ukf.motions import Motions
from energykit.ukf.rows import Floats, Places
from energykit.ukf.schedule import Schedule
from energykit.ukf.settling import Belief, settle
from energykit.ukf.step import CellConstants, Expectation, step

# Up to so many batteries abreast, plain floats are quicker than arrays.
FEW = 3
# Wider than this, the arrays of one step fall out of the processor's nearer caches.
BLOCK = 1024
MOST_GATHERED = 16  # groups of batteries whose constants are kept gathered
MOST_ROOMS = 4  # widths for which there is room to compute in


@dataclass(frozen=True, slots=True)
class Steps:
    """State after each row stepped and what was expected of it; a column each, in the schedule's order."""

    mean: Floats  # (n, rows)
    covariance: Floats  # (n(n+1)/2, rows)
    voltage: Floats  # (rows,) V
    variance: Floats  # (rows,) V²
    diverged: NDArray[np.bool_]  # the arithmetic broke: the state before is kept
    repaired: NDArray[np.bool_]

    @classmethod
    def room_for(cls, rows: int, states: int) -> "Steps":
        return cls(
            mean=np.empty((states, rows)),
            covariance=np.empty((packed_length(states), rows)),
            voltage=np.empty(rows),
            variance=np.empty(rows),
            diverged=np.zeros(rows, dtype=bool),
            repaired=np.zeros(rows, dtype=bool),
        )


class Stepper:
    """Steps the batteries of a family; keeps what live fleets ask for again and again."""

    def __init__(self, constants: FamilyConstants) -> None:
        self.constants = constants
        self._gathered: dict[int, tuple[Places, ConstantsAbreast]] = {}  # by first battery
        self._rooms: dict[int, Abreast] = {}  # by width

    def step_through(self, schedule: Schedule, motions: Motions, beliefs: BeliefsAbreast) -> Steps:
        """All waiting rows of a family, whose beliefs are all sound, and are those after the last row then."""
        steps = Steps.room_for(int(schedule.offsets[-1]), self.constants.states)
        queue = motions.in_order(schedule.slot)
        with np.errstate(all="ignore"):  # what is not finite is found and settled after each step
            for first in range(0, len(schedule.batteries), BLOCK):
                turn = self._step_abreast(schedule, first, queue, beliefs, steps)
                for column in range(first, first + schedule.width(turn, first, BLOCK)):
                    battery = int(schedule.batteries[column])
                    slots = schedule.offsets[turn : schedule.queues[column]] + column
                    cell = self.constants.of_one(battery)
                    beliefs.put(battery, _step_alone(slots, queue, beliefs.of_one(battery), cell, steps))
        return steps

    def _step_abreast(
        self, schedule: Schedule, first: int, queue: Motions, beliefs: BeliefsAbreast, steps: Steps
    ) -> int:
        """Turn after turn while there are more than a few; the turn that comes next."""
        width, turn = schedule.width(0, first, BLOCK), 0
        while width > FEW:
            block = schedule.family_columns(first, first + width)
            current, cell = beliefs.of(block), self._of(schedule.batteries[first : first + width])
            while schedule.width(turn, first, BLOCK) == width:
                begin = int(schedule.offsets[turn]) + first
                current = self._step_once(slice(begin, begin + width), queue, current, cell, steps)
                turn += 1
            beliefs.replace(block, current)
            width = schedule.width(turn, first, BLOCK)
        return turn

    def _step_once(
        self, slots: slice, queue: Motions, before: BeliefsAbreast, cell: ConstantsAbreast, steps: Steps
    ) -> BeliefsAbreast:
        room = self._room(before.mean.shape[1])
        after, unsound = room.step(before, queue.rows(slots), cell)
        steps.voltage[slots], steps.variance[slots] = room.expected
        for column in () if unsound is None else np.flatnonzero(unsound).tolist():
            suspect, slot = after.of_one(column), slots.start + column
            settled = settle(suspect.mean, suspect.covariance)
            steps.diverged[slot] = settled is None
            steps.repaired[slot] = settled is not None and settled[1]
            after.put(column, settled[0] if settled else before.of_one(column))
        steps.mean[:, slots] = after.mean
        after.pack_covariance(steps.covariance[:, slots])
        return after

    def _of(self, batteries: Places) -> ConstantsAbreast:
        first = int(batteries[0])
        if first not in self._gathered or not np.array_equal(self._gathered[first][0], batteries):
            if len(self._gathered) == MOST_GATHERED:
                self._gathered.clear()
            self._gathered[first] = batteries.copy(), self.constants.of(batteries)
        return self._gathered[first][1]

    def _room(self, width: int) -> Abreast:
        if width not in self._rooms:
            if len(self._rooms) == MOST_ROOMS:
                self._rooms.clear()
            self._rooms[width] = Abreast(self.constants.layout, width)
        return self._rooms[width]


def _step_alone(slots: Places, queue: Motions, belief: Belief, cell: CellConstants, steps: Steps) -> Belief:
    """The rest of one battery's queue, in the same arithmetic on floats; what is believed after it."""
    means, covariances, expectations = [], [], []
    for slot, row in zip(slots, queue.rows_of_one(slots), strict=True):
        try:
            mean, covariance, expected = step(belief.mean, belief.covariance, belief.upper, row, cell)
            settled = settle(mean, covariance)
        except ZeroDivisionError:  # where arrays would have gone on with infinity
            expected, settled = Expectation(math.nan, math.nan, []), None
        if settled:
            belief, steps.repaired[slot] = settled
        else:
            steps.diverged[slot] = True
        means.append(belief.mean)
        covariances.append(belief.covariance)
        expectations.append((expected.voltage, expected.variance))
    steps.mean[:, slots] = np.array(means).T
    steps.covariance[:, slots] = np.array(covariances).T
    steps.voltage[slots], steps.variance[slots] = np.array(expectations).T
    return belief
