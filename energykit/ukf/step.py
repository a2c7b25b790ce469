"""One step of the joint unscented filter, for one battery in plain floats; `abreast.py` does the same for many.

Unscented transform with alpha = 1, kappa = 0, beta = 2 on the state augmented with process and measurement noise
(Wan and van der Merwe, "The unscented Kalman filter", 2001): points `mean ± sqrt(L) · column` of the Cholesky factor,
L = 2n + 1, drawn once a step, weight 1/2L each; the centre weighs 0 in means and 2 in covariances.

Only two things bend: SOC over capacity, and the OCV table over SOC. All other parts of the points lie on straight lines
through the mean, so their sums are written in closed form, which equals the sums over points up to rounding. Of each
pair of opposite points stands half the difference (`odd`, in units of sqrt(L)) and how far its middle lies from the
centre point (`even`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from energykit.ukf.covariance import packed_index


@dataclass(frozen=True, slots=True)
class CellConstants:
    """What stays the same from row to row; `voltages_at` looks up the OCV at several SOC values at once."""

    states: int
    pairs: int
    volts_of_fading: Sequence[float]  # V a unit: Ω of each RC current, 1 of a hysteresis that fades
    process_noise: Sequence[float]  # variance gained with each row
    noise_per_second: Sequence[float]
    noise_at_rest: Sequence[float]  # variance that the noise per second of what fades comes to in the long run
    sensor_variance: float
    inverse_gate: float  # 0 where there is no gate
    voltages_at: Callable[[Sequence[float]], Sequence[float]]

    @property
    def has_hysteresis(self) -> bool:
        """One that does not fade."""
        return self.states > 3 + len(self.volts_of_fading)


class Row(NamedTuple):
    """What one row brings: the charge that the cell kept since the previous row (Ah, as much as it is at the reference
    temperature), seconds since then, the factor by which each state that fades has decayed, current (A, positive while
    charging), the current that would drop as much over r0 at the reference temperature, and measured voltage (V)."""

    charge: float
    seconds: float
    decays: Sequence[float]
    current: float
    current_over_r0: float
    voltage: float


class Prediction(NamedTuple):
    """The state before the row's voltage is known, and where its points lie in SOC."""

    mean: list[float]
    covariance: list[float]
    noise: list[float]
    soc_noise_std: float
    soc_centre: float
    soc_odd: list[float]
    soc_even: list[float]
    soc_bend: float


class Expectation(NamedTuple):
    """Mean (V) and variance (V²) of the voltage that the row should show, and its covariance with each state."""

    voltage: float
    variance: float
    with_state: list[float]


def step(
    mean: Sequence[float], covariance: Sequence[float], upper: Sequence[float], row: Row, cell: CellConstants
) -> tuple[list[float], list[float], Expectation]:
    """Mean and covariance after the row, and what was expected of it; `upper` is the factor of `covariance`.

    A voltage further off than the gate counts as if the sensor were just so noisy that it stood at the gate.
    """
    prediction = predict(mean, covariance, upper, row, cell)
    expected = expect_voltage(prediction, upper, row, cell)
    innovation = row.voltage - expected.voltage
    gates = innovation * cell.inverse_gate
    variance = _larger(expected.variance, gates * gates)
    gains = [each / variance for each in expected.with_state]
    mean_after = [each + gain * innovation for each, gain in zip(prediction.mean, gains, strict=True)]
    covariance_after, place = prediction.covariance, 0
    for first, gain in enumerate(gains):
        for second in expected.with_state[first:]:
            covariance_after[place] = covariance_after[place] - gain * second
            place += 1
    return mean_after, covariance_after, expected


def predict(
    mean: Sequence[float], covariance: Sequence[float], upper: Sequence[float], row: Row, cell: CellConstants
) -> Prediction:
    """Move to the row's time: SOC by charge over capacity, RC currents towards the row's current, hysteresis that fades
    towards 0."""
    states, at, noise = cell.states, packed_index(cell.states), noise_gained(row, cell)
    points, capacity_place = 2 * states + 1, states - 2
    capacity = mean[capacity_place]
    square = capacity * capacity
    lags, soc_even, soc_bend, bend_square = [], [], 0.0, 0.0
    for column in range(capacity_place + 1):  # later columns leave the capacity where it is
        spread = upper[at[column][capacity_place]]
        lag = spread * row.charge / (square - points * (spread * spread))  # a larger capacity gains less SOC
        bend = spread * lag / capacity
        lags.append(lag)
        soc_even.append(points * bend)
        soc_bend = soc_bend + bend
        bend_square = bend_square + bend * bend
    soc_odd = [upper[0] - lags[0], *(-lag for lag in lags[1:])]

    moved = list(covariance)
    moved[0] = soc_bend * soc_bend + points * bend_square
    for odd in soc_odd:
        moved[0] = moved[0] + odd * odd
    for place in range(1, states):
        for column, lag in enumerate(lags[: place + 1]):
            moved[place] = moved[place] - upper[at[column][place]] * lag
    for fading, decay in enumerate(row.decays, start=1):
        for other in range(states):
            moved[at[fading][other]] = moved[at[fading][other]] * decay
        moved[at[fading][fading]] = moved[at[fading][fading]] * decay
    for place, gained in enumerate(noise):
        moved[at[place][place]] = moved[at[place][place]] + gained

    soc_centre = mean[0] + row.charge / capacity
    after = list(mean)
    after[0] = soc_centre + soc_bend
    for fading, decay in enumerate(row.decays, start=1):
        after[fading] = mean[fading] * decay
        if fading <= cell.pairs:
            after[fading] = after[fading] + row.current * (1.0 - decay)
    return Prediction(after, moved, noise, math.sqrt(noise[0]), soc_centre, soc_odd, soc_even, soc_bend)


def noise_gained(row: Row, cell: CellConstants) -> list[float]:
    """Variance that each state gains until this row: so much a row, and so much a second.

    What fades forgets: noise of rate q that relaxes with time constant τ comes to q·τ/2·(1 - e^(-2·dt/τ)), which is
    q·dt at first (Uhlenbeck and Ornstein, Physical Review 36 (1930) 823).
    """
    gained = list(cell.process_noise)
    for place, rate in enumerate(cell.noise_per_second):
        if 1 <= place <= len(row.decays):
            decay = row.decays[place - 1]
            gained[place] = gained[place] + cell.noise_at_rest[place - 1] * (1.0 - decay * decay)
        else:
            gained[place] = gained[place] + row.seconds * rate
    return gained


def expect_voltage(prediction: Prediction, upper: Sequence[float], row: Row, cell: CellConstants) -> Expectation:
    """V = OCV(soc) + current · r0 + Σ i_rc · R + hyst at the same points, and how it varies with the state."""
    states, at, noise = cell.states, packed_index(cell.states), prediction.noise
    points, hysteresis, resistance = 2 * states + 1, 1 + len(cell.volts_of_fading), states - 1
    volts_per_state = [*enumerate(cell.volts_of_fading, start=1), (resistance, row.current_over_r0)]
    if cell.has_hysteresis:
        volts_per_state.insert(-1, (hysteresis, 1.0))

    ocv_centre, ocv_odd, even = _ocv_at_points(prediction, cell)
    odd = []
    for column in range(states):
        slope = row.current_over_r0 * upper[at[column][resistance]]
        if column <= hysteresis and cell.has_hysteresis:
            slope = slope + upper[at[column][hysteresis]]
        for place in range(max(column, 1), hysteresis):
            slope = slope + cell.volts_of_fading[place - 1] * row.decays[place - 1] * upper[at[column][place]]
        odd.append(slope + ocv_odd[column] if column < resistance else slope)

    bend = _sum(even) / points
    voltage = ocv_centre + bend
    variance = cell.sensor_variance + bend * bend + _sum([each * each for each in even]) / points
    variance = variance + _sum([each * each for each in odd]) + ocv_odd[-1] * ocv_odd[-1]
    with_soc = prediction.soc_bend * bend + prediction.soc_noise_std * ocv_odd[-1]
    with_soc = with_soc + _sum([soc * each for soc, each in zip(prediction.soc_even, even, strict=False)]) / points
    with_soc = with_soc + _sum([soc * each for soc, each in zip(prediction.soc_odd, odd, strict=False)])
    with_state = [with_soc]
    for place in range(1, states):
        shared = _sum([upper[at[column][place]] * odd[column] for column in range(place + 1)])
        with_state.append(shared * row.decays[place - 1] if place < hysteresis else shared)
    for place, volts in volts_per_state:
        voltage = voltage + volts * prediction.mean[place]
        noise_seen = volts * noise[place]
        variance = variance + volts * noise_seen
        with_state[place] = with_state[place] + noise_seen
    return Expectation(voltage, variance, with_state)


def _ocv_at_points(prediction: Prediction, cell: CellConstants) -> tuple[float, list[float], list[float]]:
    """OCV at the centre; odd and even parts for the columns that move the SOC, and last for its process noise."""
    reach = math.sqrt(2 * cell.states + 1)
    soc = [prediction.soc_centre]
    for soc_odd, soc_even in zip(prediction.soc_odd, prediction.soc_even, strict=True):
        middle = prediction.soc_centre + soc_even
        soc += [middle + reach * soc_odd, middle - reach * soc_odd]
    soc += [soc[0] + reach * prediction.soc_noise_std, soc[0] - reach * prediction.soc_noise_std]
    centre, *points = cell.voltages_at(soc)
    odd = [(above - below) / (2.0 * reach) for above, below in zip(points[::2], points[1::2], strict=True)]
    even = [0.5 * (above + below) - centre for above, below in zip(points[::2], points[1::2], strict=True)]
    return centre, odd, even


def _larger(first: float, second: float) -> float:
    """As numpy's maximum has it: what is no number wins."""
    return first if first >= second or math.isnan(first) else second


def _sum(values: Sequence[float]) -> float:
    """Left to right, without the 0 that `sum` begins with nor its compensation (Python 3.12 sums floats so)."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
