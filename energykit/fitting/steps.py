"""R0 and RC pairs from steps of the current, by the filter's own recursion: least squares over windows after each step.

For given time constants the voltage is linear in all resistances, so only these are searched for (variable projection,
Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413), on a grid. Each window has a level of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np
from scipy.optimize import nnls

from energykit.fitting.rows import CellRows
from energykit.ukf.rows import Floats

LEAST_SHARE_OF_STEP = 0.05  # of the greatest current
QUICK_SECONDS = 15.0  # a step between rows further apart says nothing about R0 alone
LONGEST_WINDOW_SECONDS = 3_600.0
LONGEST_WINDOW_SHARE = 0.06  # of the most charge that moves at once: beyond that the OCV curve's own errors are seen
SHORTEST_TIME_CONSTANT = 2.0
TIME_CONSTANTS_A_DECADE = 8
LEAST_APART = 5.0  # time constants of two pairs
# Share of the residual that a pair must remove, else it is not seen: four times what the Bayesian information criterion
# asks of white residuals, for these are not quite; a tenth is enough in any case.
GAIN_OVER_BIC, ENOUGH_GAIN = 4.0, 0.1
LEAST_SHARE_OF_R0 = 0.05  # a pair's resistance
MOST_GROUPS = 12
FEWEST_ROWS_OF_WINDOW = 4
ROWS_A_PAIR = 6
STEEP = 4.0  # times the median slope of the OCV
ODD = 3.0  # times the median residual of the windows
ROUNDS = 4
FINE_FACTOR = 1.35
FINE_STEPS = 9
FEWEST_CALM_WINDOWS = 2


@dataclass(frozen=True)
class Steps:
    """Rows just before the current steps, and the windows after them (first and past the last row)."""

    before: tuple[int, ...]
    windows: tuple[tuple[int, int], ...]
    quick_seconds: float  # the median time between the two rows of a step


@dataclass(frozen=True)
class Resistances:
    """Ω and s; standard deviations by leaving out one group of windows after another (jackknife)."""

    r0_ohm: float
    r0_std: float
    pairs: tuple[tuple[float, float], ...]  # (Ω, s)
    pair_stds: tuple[tuple[float, float], ...]  # (Ω, s)
    rms: float  # V, what is left in the windows
    rows: int
    windows: tuple[tuple[int, int], ...]

    @property
    def total_ohm(self) -> float:
        return self.r0_ohm + sum(ohm for ohm, _ in self.pairs)


def current_steps(rows: CellRows) -> Steps | None:
    """Quick ones; where there are none, slow ones; None where the current never steps."""
    jump = np.abs(np.diff(rows.current))
    steps = np.flatnonzero(jump > LEAST_SHARE_OF_STEP * rows.greatest_current)
    if rows.greatest_current == 0 or not len(steps):
        return None
    seconds = np.diff(rows.time)[steps]
    quick = steps[seconds <= QUICK_SECONDS]
    chosen = quick if len(quick) else steps
    next_step = np.append(steps, len(rows) - 1)
    windows, run = [], rows.largest_run_ah
    for row in chosen.tolist():
        end = int(next_step[np.searchsorted(next_step, row, side="right")]) if row < next_step[-1] else len(rows) - 1
        last = int(np.searchsorted(rows.time, rows.time[row] + LONGEST_WINDOW_SECONDS, side="right"))
        far = np.abs(rows.moved_ah[row:last] - rows.moved_ah[row]) > LONGEST_WINDOW_SHARE * run
        last = row + int(np.argmax(far)) if far.any() else last
        windows.append((row, min(end + 1, last, len(rows))))
    kept = [(first, end) for first, end in windows if end - first >= FEWEST_ROWS_OF_WINDOW]
    kept = kept or [(first, end) for first, end in windows if end - first >= 2]
    if not kept:
        return None
    median = float(np.median(np.diff(rows.time)[[first for first, _ in kept]]))
    return Steps(tuple(first for first, _ in kept), tuple(kept), median)


def share_of_falling_steps(rows: CellRows, steps: Steps) -> float:
    """Of quick steps: where voltage falls as current rises. Near 1 when discharge was counted as positive."""
    before = np.array(steps.before)
    return float(np.mean(np.diff(rows.voltage)[before] * np.diff(rows.current)[before] < 0))


def resistances(
    rows: CellRows, rest_voltage: Floats, slope: Floats, steps: Steps, most_pairs: int
) -> Resistances | None:
    """`rest_voltage` is the OCV at each row, `slope` its rise per unit of SOC: windows where it is steep are left out.

    None where the windows do not hold a resistance above 0.
    """
    windows = _calm(steps.windows, slope)
    constants = _time_constants(rows, steps)
    for _ in range(ROUNDS):
        slow = rc_currents(rows.time, rows.current, constants)
        pooled = _pool(rows, rest_voltage, slow, windows)
        chosen = _choose(pooled, constants, most_pairs)
        found = pooled.solve(chosen)
        if found is None or found[0] <= 0:
            return None
        fitting = _fitting(rows, rest_voltage, slow[:, chosen], windows, found)
        if fitting == windows:
            break
        windows = fitting
    return _refined(rows, rest_voltage, windows, constants[list(chosen)])


def _refined(
    rows: CellRows, rest_voltage: Floats, windows: tuple[tuple[int, int], ...], rough: Floats
) -> Resistances | None:
    """With time constants from a finer grid around the rough ones."""
    around = np.geomspace(1.0 / FINE_FACTOR, FINE_FACTOR, FINE_STEPS)
    constants = (rough[:, None] * around).ravel()
    pooled = _pool(rows, rest_voltage, rc_currents(rows.time, rows.current, constants), windows)
    places = [range(pair * FINE_STEPS, (pair + 1) * FINE_STEPS) for pair in range(len(rough))]
    candidates = list(product(*places))
    chosen = min(candidates, key=pooled.rms)
    found = pooled.solve(chosen)
    if found is None or found[0] <= 0:
        return None
    spread, seconds_spread = pooled.jackknife(candidates, constants)
    return Resistances(
        r0_ohm=float(found[0]),
        r0_std=float(spread[0]),
        pairs=tuple((float(ohm), float(constants[place])) for ohm, place in zip(found[1:], chosen, strict=True)),
        pair_stds=tuple(zip(spread[1:].tolist(), seconds_spread.tolist(), strict=True)),
        rms=pooled.rms(chosen),
        rows=pooled.rows,
        windows=windows,
    )


def _calm(windows: Sequence[tuple[int, int]], slope: Floats) -> tuple[tuple[int, int], ...]:
    """Near empty the OCV falls so steeply that an error of a percent of SOC looks like a resistance."""
    limit = STEEP * float(np.median(slope))
    calm = tuple(window for window in windows if slope[window[0] : window[1]].max() <= limit)
    return calm if len(calm) >= FEWEST_CALM_WINDOWS else tuple(windows)


def _fitting(
    rows: CellRows, rest_voltage: Floats, slow: Floats, windows: tuple[tuple[int, int], ...], found: Floats
) -> tuple[tuple[int, int], ...]:
    """Without the windows that the model fits much worse than the others, where the OCV is not what it seems."""
    misses = []
    for first, end in windows:
        left = rows.voltage[first:end] - rest_voltage[first:end] - found[0] * rows.current[first:end]
        left = left - slow[first:end] @ found[1:]
        misses.append(float(np.std(left)))
    limit = ODD * float(np.median(misses))
    kept = tuple(window for window, miss in zip(windows, misses, strict=True) if miss <= limit)
    return kept if len(kept) >= FEWEST_CALM_WINDOWS else windows


def rc_currents(time: Floats, current: Floats, seconds: Floats) -> Floats:
    """(rows, time constants): through each pair's resistor, settled at the first row."""
    found = np.empty((len(time), len(seconds)))
    state = np.full(len(seconds), float(current[0]))
    decays = np.exp(-np.diff(time)[:, None] / seconds)
    found[0] = state
    for row in range(1, len(time)):
        decay = decays[row - 1]
        state = state * decay + current[row] * (1.0 - decay)
        found[row] = state
    return found


@dataclass(frozen=True)
class Pooled:
    """Normal equations of each group of windows, over R0 and all time constants."""

    grams: Floats  # (groups, 1 + constants, 1 + constants)
    sides: Floats  # (groups, 1 + constants)
    squares: Floats  # (groups,)
    weights: Floats  # (groups,)
    rows: int
    windows: int

    def solve(self, places: Sequence[int], without: int | None = None) -> Floats | None:
        """R0 and the resistances at these time constants, none below 0; None where they cannot be told apart."""
        kept = [group for group in range(len(self.grams)) if group != without]
        chosen = [0, *(1 + place for place in places)]
        gram = self.grams[kept].sum(axis=0)[np.ix_(chosen, chosen)]
        side = self.sides[kept].sum(axis=0)[chosen]
        try:
            upper = np.linalg.cholesky(gram + 1e-12 * np.trace(gram) * np.eye(len(chosen))).T
        except np.linalg.LinAlgError:
            return None
        return np.asarray(nnls(upper, np.linalg.solve(upper.T, side))[0])

    def rms(self, places: Sequence[int], without: int | None = None) -> float:
        """Of what these leave unexplained, V; of the other groups where one is left out."""
        found = self.solve(places, without)
        chosen = [0, *(1 + place for place in places)]
        kept = [group for group in range(len(self.grams)) if group != without]
        gram, side = self.grams[kept].sum(axis=0)[np.ix_(chosen, chosen)], self.sides[kept].sum(axis=0)[chosen]
        squares = self.squares[kept].sum()
        left = squares if found is None else squares - 2 * found @ side + found @ gram @ found
        return float(np.sqrt(max(left, 0.0) / self.weights[kept].sum()))

    def jackknife(self, candidates: Sequence[tuple[int, ...]], constants: Floats) -> tuple[Floats, Floats]:
        """Standard deviations of the resistances and of the time constants; NaN where there is but one group."""
        groups, pairs = len(self.grams), len(candidates[0])
        each = []
        for group in range(groups if groups > 1 else 0):
            chosen = min(candidates, key=lambda places: self.rms(places, group))
            found = self.solve(chosen, group)
            if found is not None:
                each.append(np.concatenate((found, constants[list(chosen)])))
        if len(each) < 2:
            return np.full(1 + pairs, np.nan), np.full(pairs, np.nan)
        spread = np.array(each) - np.mean(each, axis=0)
        std = np.sqrt((len(each) - 1) / len(each) * np.sum(spread**2, axis=0))
        return std[: 1 + pairs], std[1 + pairs :]


def _pool(rows: CellRows, rest_voltage: Floats, slow: Floats, windows: Sequence[tuple[int, int]]) -> Pooled:
    size, groups = 1 + slow.shape[1], min(MOST_GROUPS, len(windows))
    grams, sides = np.zeros((groups, size, size)), np.zeros((groups, size))
    squares, weights, used = np.zeros(groups), np.zeros(groups), 0
    for number, (first, end) in enumerate(windows):
        regressors = np.column_stack((rows.current[first:end], slow[first:end]))
        target = rows.voltage[first:end] - rest_voltage[first:end]
        regressors, target = regressors - regressors.mean(axis=0), target - target.mean()
        weight, group = 1.0 / np.sqrt(end - first), number * groups // len(windows)
        grams[group] += weight * regressors.T @ regressors
        sides[group] += weight * regressors.T @ target
        squares[group] += weight * float(target @ target)
        weights[group] += weight * (end - first - 1)
        used += end - first
    return Pooled(grams, sides, squares, weights, used, len(windows))


def _time_constants(rows: CellRows, steps: Steps) -> Floats:
    longest = max(float(rows.time[end - 1] - rows.time[first]) for first, end in steps.windows)
    gaps = [rows.time[first + 1 : end] for first, end in steps.windows]
    shortest = max(SHORTEST_TIME_CONSTANT, min(float(np.min(np.diff(gap))) if len(gap) > 1 else 1e9 for gap in gaps))
    longest = max(longest, 4.0 * shortest) if shortest < 1e9 else longest
    shortest = min(shortest, longest)
    count = max(int(TIME_CONSTANTS_A_DECADE * np.log10(longest / shortest)) + 1, 1)
    return np.geomspace(shortest, longest, count)


def _choose(pooled: Pooled, constants: Floats, most_pairs: int) -> tuple[int, ...]:
    """The places of the time constants of as many pairs as the windows show."""
    best: tuple[int, ...] = ()
    least_gain = min(GAIN_OVER_BIC * np.log(pooled.rows) / pooled.rows, ENOUGH_GAIN)
    enough = (pooled.rows - pooled.windows) // ROWS_A_PAIR
    for pairs in range(1, min(most_pairs, enough) + 1):
        candidates = [
            places
            for places in combinations(range(len(constants)), pairs)
            if all(constants[b] / constants[a] >= LEAST_APART for a, b in pairwise(places))
        ]
        if not candidates:
            break
        better = min(candidates, key=pooled.rms)
        found = pooled.solve(better)
        is_seen = found is not None and bool(np.all(found[1:] > LEAST_SHARE_OF_R0 * found[0]))
        if not is_seen or pooled.rms(better) > (1.0 - least_gain) * pooled.rms(best):
            break
        best = better
    return best
