"""The step of `energykit.ukf.step` for many batteries abreast, with the same bits.

The same sums in the same order, but a call of numpy does as many of them as it can: with a row from each of a hundred
batteries the time goes into calls, not into numbers. Arrays have the batteries in their last axis; matrices are whole,
(n, n, batteries), and only their upper triangle means anything. All is computed in place, in room that is kept: new
arrays of this size make the allocator give memory back and ask for it again in every step.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from energykit.ukf.constants import ConstantsAbreast
from energykit.ukf.covariance import SAFE_DETERMINANT, SMALLEST_PIVOT, SMALLEST_PIVOT_SHARE, is_certain
from energykit.ukf.layout import Layout
from energykit.ukf.motions import RowsAbreast
from energykit.ukf.ocv_lookup import LookupRoom
from energykit.ukf.rows import Floats, Places, picked
from energykit.ukf.settling import Belief


class BeliefsAbreast:
    """Mean (n, batteries), covariance and its upper factor (n, n, batteries)."""

    def __init__(self, mean: Floats, covariance: Floats, upper: Floats) -> None:
        self.mean, self.covariance, self.upper = mean, covariance, upper
        self.triangle = triangle(len(mean))

    @classmethod
    def room_for(cls, states: int, batteries: int) -> "BeliefsAbreast":
        matrices = (np.zeros((states, states, batteries)) for _ in range(2))
        return cls(np.empty((states, batteries)), *matrices)

    def of(self, batteries: slice | Places) -> "BeliefsAbreast":
        """Of some; what is asked for as a slice is a view."""
        return BeliefsAbreast(*(picked(each, batteries) for each in (self.mean, self.covariance, self.upper)))

    def replace(self, batteries: slice | Places, others: "BeliefsAbreast") -> None:
        self.mean[:, batteries] = others.mean
        self.covariance[..., batteries], self.upper[..., batteries] = others.covariance, others.upper

    def pack_covariance(self, packed: Floats) -> None:
        """Into an array (n(n+1)/2, batteries)."""
        begin = 0
        for place, row in enumerate(self.covariance):
            packed[begin : begin + len(row) - place] = row[place:]
            begin += len(row) - place

    def of_one(self, column: int) -> Belief:
        covariance, upper = (each[(*self.triangle, column)].tolist() for each in (self.covariance, self.upper))
        return Belief(self.mean[:, column].tolist(), covariance, upper)

    def put(self, column: int, belief: Belief) -> None:
        self.mean[:, column] = belief.mean
        self.covariance[(*self.triangle, column)] = belief.covariance
        self.upper[(*self.triangle, column)] = belief.upper


class Abreast:
    """Room for the steps of so many batteries of one layout; what it holds between steps means nothing."""

    def __init__(self, layout: Layout, width: int) -> None:
        states, fading = layout.states, layout.fading
        self.points, self.reach = 2 * states + 1, math.sqrt(2 * states + 1)
        self.moving = states - 1  # columns of the factor that move SOC: all but that of r0
        self.spares = [BeliefsAbreast.room_for(states, width) for _ in range(2)]
        self.lookup = LookupRoom((self.points, width))

        def room(*shape: int) -> Floats:
            return np.zeros((*shape, width))

        self.square, self.soc_bend, self.bend_square, self.soc_centre, self.soc_noise_std = room(5)
        self.innovation, self.variance, self.extra = room(3)
        self.lag, self.bend = room(2, self.moving)
        self.noise, self.gains, self.with_state, self.states_room = room(4, states)
        self.forgotten, self.volts_left = room(2, fading)
        self.driven, self.towards = slice(layout.pairs), self.forgotten[: layout.pairs]
        self.soc_parts = room(states, 2)  # even and odd by column; 0 for that of r0, which does not move SOC
        self.swing, self.middle, self.ocv_odd = room(3, states)
        self.asked = room(self.points)
        self.terms = room(states, 6)  # of the sums over columns that make voltage, variance and covariance with SOC
        self.sums = room(6)
        self.volts = room(states - 1)  # V that each state but SOC adds a unit
        self.volts[fading : states - 3] = 1.0  # hysteresis that does not fade, where there is any
        self.volts_terms, self.noise_seen, self.expected = room(states - 1, 2), room(states - 1), room(2)
        self.pivots = room(states, 2)  # and variances
        self.pivot_products, self.total = room(2), room()
        self.whole_room = room(states * states)
        self.outer = [self.whole_room[: size * size].reshape(size, size, width) for size in range(states + 1)]
        self.is_positive, self.is_well = (np.zeros(shape, dtype=bool) for shape in ((states, width), width))
        self.is_safe = np.zeros(width, dtype=bool)

    def step(
        self, before: BeliefsAbreast, row: RowsAbreast, cell: ConstantsAbreast
    ) -> tuple[BeliefsAbreast, NDArray[np.bool_] | None]:
        """Belief after the row, to be overwritten by the step after the next, and which batteries have to be settled
        one by one (None: none); what was expected is in `expected`: voltage (V) and variance (V²)."""
        after = next(each for each in self.spares if each is not before)
        self._predict(before, row, cell, after)
        self._expect_voltage(before.upper, row, cell, after.mean)
        self._correct(row, cell, after)
        return after, self.factorise(after)

    def _predict(self, before: BeliefsAbreast, row: RowsAbreast, cell: ConstantsAbreast, after: BeliefsAbreast) -> None:
        upper, capacity, lag, bend = before.upper, before.mean[-2], self.lag, self.bend
        soc_even, soc_odd = self.soc_parts[: self.moving, 0], self.soc_parts[: self.moving, 1]
        spread = upper[: self.moving, -2]
        np.multiply(capacity, capacity, out=self.square)
        np.multiply(spread, spread, out=bend)
        np.multiply(bend, self.points, out=bend)
        np.subtract(self.square, bend, out=bend)
        np.multiply(spread, row.charge, out=lag)
        np.divide(lag, bend, out=lag)
        np.multiply(spread, lag, out=bend)
        np.divide(bend, capacity, out=bend)
        np.multiply(bend, self.points, out=soc_even)
        total(bend, self.soc_bend)
        np.multiply(bend, bend, out=bend)
        total(bend, self.bend_square)
        np.negative(lag, out=soc_odd)
        np.add(soc_odd[0], upper[0, 0], out=soc_odd[0])
        self._gain_noise(row, cell)
        self._move_covariance(before, row, after.covariance)

        np.divide(row.charge, capacity, out=self.soc_centre)
        np.add(self.soc_centre, before.mean[0], out=self.soc_centre)
        np.copyto(after.mean, before.mean)
        np.add(self.soc_centre, self.soc_bend, out=after.mean[0])
        if cell.fading:
            fading, towards = after.mean[1 : 1 + cell.fading], self.towards
            np.multiply(fading, row.decays, out=fading)
            currents = fading[self.driven]
            np.subtract(1.0, row.decays[self.driven], out=towards)
            np.multiply(towards, row.current, out=towards)
            np.add(currents, towards, out=currents)

    def _move_covariance(self, before: BeliefsAbreast, row: RowsAbreast, moved: Floats) -> None:
        soc_variance, shared = moved[0, 0], self.outer[self.moving]
        soc_odd, squares = self.soc_parts[: self.moving, 1], self.bend
        np.copyto(moved, before.covariance)
        np.multiply(self.soc_bend, self.soc_bend, out=soc_variance)
        np.multiply(self.bend_square, self.points, out=self.bend_square)
        np.add(soc_variance, self.bend_square, out=soc_variance)
        np.multiply(soc_odd, soc_odd, out=squares)
        for each in squares:
            np.add(soc_variance, each, out=soc_variance)
        np.multiply(before.upper[: self.moving, 1:], self.lag[:, None], out=shared)
        np.subtract(moved[0, 1:], shared[0], out=moved[0, 1:])
        for column in range(1, self.moving):
            np.subtract(moved[0, column:], shared[column, column - 1 :], out=moved[0, column:])
        for place in range(1, 1 + len(row.decays)):
            decay = row.decays[place - 1]
            for part in (moved[:place, place], moved[place, place:], moved[place, place]):  # its variance twice
                np.multiply(part, decay, out=part)
        variances = self._diagonal(moved)
        np.add(variances, self.noise, out=variances)

    def _gain_noise(self, row: RowsAbreast, cell: ConstantsAbreast) -> None:
        np.multiply(cell.noise_per_second, row.seconds, out=self.noise)
        if cell.fading:
            np.multiply(row.decays, row.decays, out=self.forgotten)
            np.subtract(1.0, self.forgotten, out=self.forgotten)
            np.multiply(cell.noise_at_rest, self.forgotten, out=self.noise[1 : 1 + cell.fading])
        np.add(self.noise, cell.process_noise, out=self.noise)
        np.sqrt(self.noise[0], out=self.soc_noise_std)

    def _expect_voltage(self, upper: Floats, row: RowsAbreast, cell: ConstantsAbreast, mean: Floats) -> None:
        ocv_centre, fading = self._ocv_at_points(cell), cell.fading
        odd, terms, sums = self.terms[:, 1], self.terms, self.sums
        np.multiply(upper[:, -1], row.current_over_r0, out=odd)
        if cell.has_hysteresis:
            hysteresis = odd[: 2 + fading]
            np.add(hysteresis, upper[: 2 + fading, 1 + fading], out=hysteresis)
        if fading:
            np.multiply(cell.volts_of_fading, row.decays, out=self.volts_left)
        for place in range(1, 1 + fading):
            slopes = self.states_room[: place + 1]
            np.multiply(upper[: place + 1, place], self.volts_left[place - 1], out=slopes)
            np.add(odd[: place + 1], slopes, out=odd[: place + 1])
        np.add(odd[:-1], self.ocv_odd[:-1], out=odd[:-1])

        np.multiply(terms[:, :2], terms[:, :2], out=terms[:, 2:4])
        np.multiply(terms[:, :2], self.soc_parts, out=terms[:, 4:])
        total(terms, sums)
        np.divide(sums[::2], self.points, out=sums[::2])  # those of even parts
        bend, even_squares, odd_squares, soc_even, soc_odd = sums[0], *sums[2:]
        voltage, variance = self.expected
        np.add(ocv_centre, bend, out=voltage)
        np.multiply(bend, bend, out=variance)
        np.add(variance, cell.sensor_variance, out=variance)
        np.add(variance, even_squares, out=variance)
        np.add(variance, odd_squares, out=variance)
        np.multiply(self.ocv_odd[-1], self.ocv_odd[-1], out=self.extra)
        np.add(variance, self.extra, out=variance)

        shared, with_state, with_soc = self.outer[len(upper)], self.with_state, self.with_state[0]
        np.multiply(upper, odd[:, None], out=shared)
        np.copyto(with_state, shared[0])
        for column in range(1, len(upper)):
            np.add(with_state[column:], shared[column, column:], out=with_state[column:])
        np.multiply(self.soc_bend, bend, out=with_soc)
        np.multiply(self.soc_noise_std, self.ocv_odd[-1], out=self.extra)
        for each in (self.extra, soc_even, soc_odd):
            np.add(with_soc, each, out=with_soc)
        if fading:
            np.multiply(with_state[1 : 1 + fading], row.decays, out=with_state[1 : 1 + fading])

        np.copyto(self.volts[:fading], cell.volts_of_fading)
        np.copyto(self.volts[-1], row.current_over_r0)
        np.multiply(self.volts, mean[1:], out=self.volts_terms[:, 0])
        np.multiply(self.volts, self.noise[1:], out=self.noise_seen)
        np.multiply(self.volts, self.noise_seen, out=self.volts_terms[:, 1])
        np.add(with_state[1:], self.noise_seen, out=with_state[1:])
        for each in self.volts_terms:
            np.add(self.expected, each, out=self.expected)

    def _ocv_at_points(self, cell: ConstantsAbreast) -> Floats:
        """OCV at the centre; leaves its odd and even parts by column, that of SOC's process noise last."""
        states = cell.states
        np.multiply(self.soc_parts[:, 1], self.reach, out=self.swing)
        np.multiply(self.soc_noise_std, self.reach, out=self.swing[-1])
        np.add(self.soc_parts[:, 0], self.soc_centre, out=self.middle)
        np.copyto(self.asked[0], self.soc_centre)
        np.add(self.middle, self.swing, out=self.asked[1 : 1 + states])
        np.subtract(self.middle, self.swing, out=self.asked[1 + states :])
        volts = cell.voltages_at(self.asked, self.lookup)
        centre, above, below = volts[0], volts[1 : 1 + states], volts[1 + states :]
        even = self.terms[:, 0]
        np.subtract(above, below, out=self.ocv_odd)
        np.divide(self.ocv_odd, 2.0 * self.reach, out=self.ocv_odd)
        np.add(above, below, out=above)
        np.multiply(above, 0.5, out=above)
        np.subtract(above, centre, out=even)
        return centre

    def _correct(self, row: RowsAbreast, cell: ConstantsAbreast, after: BeliefsAbreast) -> None:
        voltage, expected_variance = self.expected
        np.subtract(row.voltage, voltage, out=self.innovation)
        np.multiply(self.innovation, cell.inverse_gate, out=self.extra)
        np.multiply(self.extra, self.extra, out=self.extra)
        np.maximum(expected_variance, self.extra, out=self.variance)
        np.divide(self.with_state, self.variance, out=self.gains)
        np.multiply(self.gains, self.innovation, out=self.states_room)
        np.add(after.mean, self.states_room, out=after.mean)
        known = self.outer[len(self.gains)]
        np.multiply(self.gains[:, None], self.with_state, out=known)
        np.subtract(after.covariance, known, out=after.covariance)

    def factorise(self, after: BeliefsAbreast) -> NDArray[np.bool_] | None:
        """Makes each factor as `covariance.factor` does, but what a row of it explains is taken off all rows below at
        once; and which batteries have to be settled one by one."""
        covariance, upper = after.covariance, after.upper
        np.copyto(upper, covariance)
        for row in range(len(upper)):
            pivot, rest = upper[row, row], upper[row, row + 1 :]
            np.copyto(self.pivots[row, 0], pivot)
            np.sqrt(pivot, out=pivot)
            if len(rest):
                np.divide(rest, pivot, out=rest)
                below, explained = upper[row + 1 :, row + 1 :], self.outer[len(rest)]
                np.multiply(rest[:, None], rest, out=explained)
                np.subtract(below, explained, out=below)
        return self._unsound(after)

    def _unsound(self, after: BeliefsAbreast) -> NDArray[np.bool_] | None:
        """As `settle` decides, where it need not repair anything."""
        pivots, variances = self.pivots[:, 0], self.pivots[:, 1]
        np.copyto(variances, self._diagonal(after.covariance))
        np.multiply(variances, SMALLEST_PIVOT_SHARE, out=self.states_room)
        np.add(self.states_room, SMALLEST_PIVOT, out=self.states_room)
        np.greater(pivots, self.states_room, out=self.is_positive)  # not where one is NaN, as all make some pivot
        np.logical_and.reduce(self.is_positive, axis=0, out=self.is_well)
        np.isfinite(total(after.mean, self.total), out=self.is_safe)
        np.logical_and(self.is_well, self.is_safe, out=self.is_well)
        determinant, product = self.pivot_products
        np.multiply(self.pivots[0], self.pivots[1], out=self.pivot_products)
        for each in self.pivots[2:]:
            np.multiply(self.pivot_products, each, out=self.pivot_products)
        np.multiply(product, SAFE_DETERMINANT, out=product)
        np.greater(determinant, product, out=self.is_safe)
        np.logical_and(self.is_safe, self.is_well, out=self.is_safe)
        if self.is_safe.all():
            return None
        doubtful = np.flatnonzero(self.is_well & ~self.is_safe)
        packed = after.covariance[after.triangle][:, doubtful]
        self.is_well[doubtful] = is_certain(list(packed), len(after.mean), np.sqrt)
        return ~self.is_well

    def _diagonal(self, matrices: Floats) -> Floats:
        states = len(matrices)
        return matrices.reshape(states * states, -1)[:: states + 1]


@cache
def triangle(states: int) -> tuple[Places, Places]:
    """Where the elements of a packed triangle stand in the matrix."""
    rows, columns = np.triu_indices(states)
    return rows, columns


def total(values: Floats, out: Floats) -> Floats:
    """Sum over the first axis, in order: numpy's own sum of a lone battery's values has another one."""
    np.add(values[0], values[1], out=out)
    for each in values[2:]:
        np.add(out, each, out=out)
    return out
