"""The published equations bent to one cell: scale, exponents and new capacity, each with what is usual as its prior.

SOH = c · (1 − s_t · K_t · a_t^(p + d_t) − s_n · K_n · a_n^(q + d_n)), where a_t and a_n are the strain's sums (see
`strain`) relative to those at a reference moment and K the published losses there. The strain begins with that of an
unknown age before the first estimate, lived like the past that is known. With s = 1, d = 0, c = 1 these are the
published equations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.chemistry import KNEE_RESERVE, KNEE_SHAPE, AgeingModel

Column = NDArray[np.float64]

DAY = 86_400.0
# Parameters: new capacity c, ln s_t, ln s_n, d_t, d_n, ln of the age before the first estimate in days, ln of the
# knee's equivalent full cycles over the published ones, and what is missing of the published dependence on temperature
# (0: all is there, 1: it ages as at a steady temperature) for calendar and cycle fade.
# Priors: what cells of one chemistry differ by. Cells of one batch differ by some 10 %, products by a factor of two.
USUAL_DAYS_BEFORE = 20.0
PRIOR_MEAN = np.array([1.0, 0.0, 0.0, 0.0, 0.0, np.log(USUAL_DAYS_BEFORE), 0.0, 0.0, 0.0])
PRIOR_SD = np.array([0.03, 0.7, 0.7, 0.15, 0.2, 1.5, 0.25, 0.6, 0.6])
STEP = 1e-4
MOVES = STEP * np.vstack((np.zeros(len(PRIOR_SD)), np.diag(PRIOR_SD)))  # none, then one parameter after the other
ITERATIONS = 12
CLOSE_ENOUGH = 1e-2  # of a prior's deviation
LARGEST_MOVE = 3.0  # of a prior's deviation
MILDEST = (-0.5, 1.0)
EXPONENTS = (0.2, 1.2)  # fade that speeds up faster than that is a knee, no law of these equations
SCALES = (-1.5, 3.0)  # of the logarithm of a first guess
STEADY = 4  # the sums of a steady temperature stand so many rows below their own


@dataclass(frozen=True)
class CellModel:
    """A published model over this cell's strain; `sums` are (6, m) arrays as in `Strain`.

    a_day: (6,) strain of a day like the past. reference: (6,) the sums at which scale and exponent part.
    """

    published: AgeingModel
    a_day: Column
    reference: Column

    def soh(self, parameters: Column, sums: Column) -> Column:
        """(…, m) for parameters (…, 9)."""
        new, calendar_scale, cycle_scale, calendar_bend, cycle_bend, days, knee, mild_t, mild_n = (
            parameters[..., place, None] for place in range(9)
        )
        lived = np.exp(days)
        loss = np.exp(calendar_scale) * self._loss(
            0, self.published.calendar_exponent, calendar_bend, lived, mild_t, sums
        )
        loss = loss + np.exp(cycle_scale) * self._loss(
            1, self.published.cycle_exponent, cycle_bend, lived, mild_n, sums
        )
        if self.published.knee_efc is not None:
            used = np.minimum(np.exp(-knee) * (self.a_day[2] * lived + sums[2]), 2.0)
            loss = np.maximum(loss, np.tanh(used**KNEE_SHAPE / 2) - (KNEE_RESERVE - 1.0))
        return np.maximum(new * (1.0 - loss), 0.0)

    def soh_and_slopes(self, at: Column, sums: Column) -> tuple[Column, Column]:
        """SOH (m,), and how it moves with each parameter (m, 9)."""
        here, *moved = self.soh(at + MOVES, sums)
        return here, ((np.array(moved) - here).T) / (STEP * PRIOR_SD)

    def _loss(self, row: int, exponent: float, bend: Column, days: Column, mild: Column, sums: Column) -> Column:
        reference = self.reference[row]
        if reference <= 0:
            return np.zeros(1)
        mild = _within(mild, *MILDEST)
        strain = (1 - mild) * (self.a_day[row] * days + sums[row])
        strain = strain + mild * (self.a_day[row + STEADY] * days + sums[row + STEADY])
        return reference**exponent * (np.maximum(strain, 0.0) / reference) ** _within(exponent + bend, *EXPONENTS)


def _within(value: Column, least: float, most: float) -> Column:
    """As numpy's clip, at a third of its cost for a handful of values."""
    return np.minimum(np.maximum(value, least), most)


@dataclass(frozen=True)
class Posterior:
    """Parameters as the history leaves them: mean (9,), covariance (9, 9), and the residuals of the history (n,)."""

    mean: Column
    covariance: Column
    residual: Column


def fitted(model: CellModel, sums: Column, soh: Column, deviation: Column, start: Column | None = None) -> Posterior:
    """Maximum a posteriori by Levenberg-Marquardt, covariance by Laplace's approximation there.

    sums: (6, n), soh: (n,), deviation: (n,) of each estimate, as if they erred independently. n may be 0.
    """
    at = _first_guess(model, sums, soh) if start is None else start.copy()
    damping, cost = 1e-3, np.inf
    for _ in range(ITERATIONS):
        gap, jacobian = _linear(model, at, sums, soh, deviation)
        cost = float(gap @ gap)
        normal, slope = jacobian.T @ jacobian, jacobian.T @ gap
        for _ in range(6):
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), slope)
            move = np.clip(move, -LARGEST_MOVE * PRIOR_SD, LARGEST_MOVE * PRIOR_SD)
            better = _gap(model, at + move, sums, soh, deviation)
            if better @ better <= cost:
                damping = max(damping / 10, 1e-9)
                at = at + move
                break
            damping *= 10
        else:
            break
        if np.all(np.abs(move) < CLOSE_ENOUGH * PRIOR_SD):
            break
    gap, jacobian = _linear(model, at, sums, soh, deviation)
    return Posterior(
        at, np.asarray(np.linalg.inv(jacobian.T @ jacobian), float), np.asarray(gap[: len(soh)] * deviation, float)
    )


def _first_guess(model: CellModel, sums: Column, soh: Column) -> Column:
    """The prior's mean with the scale that the loss so far asks for, so that no exponent has to make up for it."""
    guess = PRIOR_MEAN.copy()
    if len(soh):
        lost = 1.0 - float(np.median(soh[-max(len(soh) // 8, 1) :]))
        published = 1.0 - float(model.soh(guess, sums[:, -1:])[0])
        guess[1:3] = np.clip(np.log(max(lost, 1e-4) / max(published, 1e-4)), *SCALES)
    return guess


def _gap(model: CellModel, parameters: Column, sums: Column, soh: Column, deviation: Column) -> Column:
    """(n + 9,) what is missing to the estimates and to the prior, in deviations."""
    return np.concatenate(((soh - model.soh(parameters, sums)) / deviation, (PRIOR_MEAN - parameters) / PRIOR_SD))


def _linear(model: CellModel, at: Column, sums: Column, soh: Column, deviation: Column) -> tuple[Column, Column]:
    """The gap, and how SOH and prior move with the parameters, (n + 9, 9)."""
    here, slopes = model.soh_and_slopes(at, sums)
    gap = np.concatenate(((soh - here) / deviation, (PRIOR_MEAN - at) / PRIOR_SD))
    return gap, np.concatenate((slopes / deviation[:, None], np.diag(1.0 / PRIOR_SD)))
