"""Stepping batteries through their waiting rows: many abreast in arrays, the last few in plain floats."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.constants import FamilyConstants
from energykit.ukf.covariance import packed_length
from energykit.ukf.motions import Motions
from energykit.ukf.rows import Floats, Places
from energykit.ukf.schedule import Schedule
from energykit.ukf.settling import Belief, believe, settle
from energykit.ukf.step import Expectation, step

# Up to so many batteries abreast, plain floats are quicker than arrays.
FEW = 6
# Wider than this, the arrays of one step fall out of the processor's nearer caches.
BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Steps:
    """State after each row stepped and what was expected of it; a column each, in the schedule's order."""

    mean: Floats  # (n, rows)
    covariance: Floats  # (n(n+1)/2, rows)
    upper: Floats  # (n(n+1)/2, batteries), the factor of each battery's last covariance
    voltage: Floats  # (rows,) V
    variance: Floats  # (rows,) V²
    diverged: NDArray[np.bool_]  # the arithmetic broke: the state before is kept
    repaired: NDArray[np.bool_]

    @classmethod
    def room_for(cls, rows: int, batteries: int, states: int) -> "Steps":
        return cls(
            mean=np.empty((states, rows)),
            covariance=np.empty((packed_length(states), rows)),
            upper=np.empty((packed_length(states), batteries)),
            voltage=np.empty(rows),
            variance=np.empty(rows),
            diverged=np.zeros(rows, dtype=bool),
            repaired=np.zeros(rows, dtype=bool),
        )

    def keep_factors(self, first: int, belief: Belief, begin: int, end: int) -> None:
        """Of batteries that have no more rows: columns begin to end of a block that starts with the first."""
        if begin < end:
            for place, values in enumerate(belief.upper):
                self.upper[place, first + begin : first + end] = values[begin:end]


def step_through(
    schedule: Schedule, motions: Motions, mean: Floats, covariance: Floats, upper: Floats, constants: FamilyConstants
) -> Steps:
    """All waiting rows of a family, whose state holds a column for each battery, all of them sound."""
    steps = Steps.room_for(len(schedule.slot), len(schedule.batteries), constants.states)
    queue = motions.in_order(schedule.slot)
    with np.errstate(all="ignore"):  # what is not finite is found and settled after each step
        for first in range(0, len(schedule.batteries), BLOCK):
            block = schedule.batteries[first : first + BLOCK]
            columns = schedule.family_columns(first, first + len(block))
            belief = Belief(*(list(each[:, columns]) for each in (mean, covariance, upper)))
            belief, turn = _step_abreast(schedule, first, queue, belief, constants, steps)
            if turn < schedule.queues[first]:
                for column in range(min(schedule.abreast[turn] - first, BLOCK)):
                    slots = schedule.offsets[turn : schedule.queues[first + column]] + first + column
                    left = _step_alone(int(block[column]), slots, queue, belief.of_one(column), constants, steps)
                    steps.upper[:, first + column] = left.upper
    return steps


def _step_abreast(
    schedule: Schedule, first: int, queue: Motions, belief: Belief, constants: FamilyConstants, steps: Steps
) -> tuple[Belief, int]:
    """Turn after turn while there are more than a few; the belief then, and the turn that comes next."""
    block = schedule.batteries[first : first + BLOCK]
    width = len(block)
    cell = constants.of(block) if width > FEW else None
    for turn in range(schedule.queues[first]):
        abreast = min(int(schedule.abreast[turn]) - first, BLOCK)
        if abreast != width:
            steps.keep_factors(first, belief, abreast, width)
        if cell is None or abreast <= FEW:
            return belief, turn
        if abreast != width:
            width, belief, cell = abreast, belief.head(abreast), constants.of(block[:abreast])
        slots = slice(schedule.offsets[turn] + first, schedule.offsets[turn] + first + width)
        before = belief
        mean, covariance, expected = step(before.mean, before.covariance, before.upper, queue.rows(slots), cell)
        belief, unsound = believe(mean, covariance)
        steps.voltage[slots], steps.variance[slots] = expected.voltage, expected.variance
        for column in np.flatnonzero(unsound).tolist():
            suspect, slot = belief.of_one(column), slots.start + column
            settled = settle(suspect.mean, suspect.covariance)
            steps.diverged[slot] = settled is None
            steps.repaired[slot] = settled is not None and settled[1]
            belief.put(column, settled[0] if settled else before.of_one(column))
        for place, values in enumerate(belief.mean):
            steps.mean[place, slots] = values
        for place, values in enumerate(belief.covariance):
            steps.covariance[place, slots] = values
    steps.keep_factors(first, belief, 0, width)
    return belief, int(schedule.queues[first])


def _step_alone(
    battery: int, slots: Places, queue: Motions, belief: Belief, constants: FamilyConstants, steps: Steps
) -> Belief:
    """The rest of one battery's queue, in the same arithmetic on floats; what is believed after it."""
    cell = constants.of_one(battery)
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
