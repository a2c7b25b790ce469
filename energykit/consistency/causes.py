"""What is probably wrong with a filter, from the shape of its errors.

The bounds were found on simulated cells of four chemistries and three duties, each with one thing wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from energykit.consistency.columns import BINS, PLACES, SOC_BINS
from energykit.consistency.evidence import Evidence
from energykit.consistency.windows import WINDOWS_LOOKED_AT, is_calm, windows_set

# The sign of the current: read from the rows alone, so no filter can hide it.
FEWEST_STEPS_C = 1.0  # changes of current, added up, in capacities an hour
MOST_AGREEMENT = -0.3  # 1: voltage always follows the current; −1: always goes the other way
# In deviations of what as many changes would add up to by chance; less is asked for where errors are too large anyway.
MOST_BY_CHANCE = {False: -5.0, True: -2.0}

LARGEST_GROWTH = 1.25  # no cell has more than its nominal capacity and a little
LEAST_SHARE_LEFT = 0.5  # a capacity half as large as registered may be an old cell's; a smaller one hardly
LOST = (0.25, 100.0)  # times the capacity it began with
LEAST_CYCLES = 0.5
WHITE = 0.3  # the correlation of an error with the one before, below which errors are noise
FEW_OUTSIDE = 0.05
COHERENT = 0.8  # of what the charge moved tells of the errors, how much has the same sign at every SOC
FOLLOWING = 0.3  # correlation of errors with the charge moved

LOW_WINDOWS = 10
FAR_BELOW = 0.5
LASTING = 0.5  # correlation of errors with those before, from which the model misses something
FAR_TOO_NARROW = 2.0


class Cause(StrEnum):
    NOISE_TOO_SMALL = "noise_too_small"
    NOISE_TOO_LARGE = "noise_too_large"
    WRONG_OCV_TABLE = "wrong_ocv_table"
    WRONG_SIGN_OF_CURRENT = "wrong_sign_of_current"
    WRONG_CAPACITY = "wrong_capacity"
    MODEL_TOO_SIMPLE = "model_too_simple"


@dataclass(frozen=True, slots=True)
class Signs:
    """What the evidence of one filter says, in numbers that a cause can be read from."""

    windows: int
    is_marked: bool
    is_calm: bool
    high_windows: int  # of the newest
    low_windows: int
    mean_nis: float
    error: float  # V, root mean square
    expected: float  # V, the size of error at which the mean NIS would be 1
    autocorrelation: float
    following: float  # correlation of errors with the charge moved; negative: the cell moves less than expected
    coherence: float  # 0 to 1
    share_outside: float  # of rows whose SOC is beyond empty or full
    growth: float  # newest over first capacity; NaN where it is not known
    first_capacity: float  # Ah; 0 where it is not known
    capacity: float  # Ah, the newest
    cycles: float  # equivalent full ones of that capacity
    steps_c: float
    agreement: float
    agreement_deviations: float
    rise_deviations: float  # negative: voltage falls while charging and rises while discharging
    worst_soc: float  # middle of the bin with the largest errors

    @property
    def narrow_by(self) -> float:
        """By which factor bands are too narrow if errors last from row to row: they then say less than they seem to.

        A mean of AR(1) errors with correlation r varies (1 + r)/(1 − r) times as much as one of independent errors.
        """
        lasting = min(max(self.autocorrelation, 0.0), 0.999)
        return math.sqrt(self.mean_nis * (1.0 + lasting) / (1.0 - lasting))


def signs_of(evidence: Evidence, place: int) -> Signs:
    one = Evidence(evidence.table[place : place + 1])
    row = one.table[0].tolist()

    def value(name: str) -> float:
        return float(row[PLACES[name]])

    def bins(name: str) -> list[float]:
        first = PLACES[f"record {name}[0]"]
        return row[first : first + BINS[name]]

    rows, nis = max(value("record rows"), 1.0), value("record nis")
    first, capacity = value("first_capacity"), value("newest_capacity")
    growth = capacity / first if first else math.nan
    products, squares, counts = bins("charge_products"), bins("bin_squares"), bins("bin_rows")
    total = sum(map(abs, products))
    means = [square / count if count >= 0.02 * rows else 0.0 for square, count in zip(squares, counts, strict=True)]
    return Signs(
        windows=int(value("windows")),
        is_marked=bool(value("is_marked")),
        is_calm=bool(is_calm(one)[0]),
        high_windows=int(windows_set(one["newest"])[0]),
        low_windows=int(windows_set(one["newest_low"])[0]),
        mean_nis=nis / rows,
        error=math.sqrt(value("record squares") / rows),
        expected=math.sqrt(value("record squares") / nis) if nis else 0.0,
        autocorrelation=value("record lag") / nis if nis else 0.0,
        following=sum(products) / math.sqrt(nis * value("record charge_squares") or 1.0),
        coherence=abs(sum(products)) / total if total else 0.0,
        share_outside=value("record outside") / rows,
        growth=growth,
        first_capacity=first,
        capacity=capacity,
        cycles=value("life throughput") / (2.0 * abs(capacity)) if capacity else math.nan,
        steps_c=value("life steps") / abs(first) if first else math.inf,
        agreement=value("life agreeing_steps") / (value("life steps") or 1.0),
        agreement_deviations=value("life agreeing_steps") / math.sqrt(value("life step_squares") or 1.0),
        rise_deviations=value("life rise") / math.sqrt(value("life rise_squares") or 1.0),
        worst_soc=(means.index(max(means)) + 0.5) / SOC_BINS,
    )


def cause_of(signs: Signs) -> Cause | None:
    """None where nothing is wrong."""
    if _current_is_reversed(signs):
        return Cause.WRONG_SIGN_OF_CURRENT
    if not signs.is_marked:
        if _capacity_has_moved(signs):
            return Cause.WRONG_CAPACITY
        if signs.windows >= WINDOWS_LOOKED_AT and signs.autocorrelation > LASTING and signs.narrow_by > FAR_TOO_NARROW:
            return Cause.MODEL_TOO_SIMPLE
        too_wide = signs.low_windows >= LOW_WINDOWS and signs.narrow_by**2 < FAR_BELOW
        return Cause.NOISE_TOO_LARGE if too_wide else None
    has_changed = not math.isnan(signs.growth) and not 0.6 < signs.growth < LARGEST_GROWTH
    is_inside = signs.share_outside < FEW_OUTSIDE
    if signs.autocorrelation < WHITE and not has_changed and is_inside:
        return Cause.NOISE_TOO_SMALL
    if _capacity_is_far_off(signs, has_changed, is_inside):
        return Cause.WRONG_CAPACITY
    if not has_changed and signs.coherence > COHERENT and abs(signs.following) < FOLLOWING:
        return Cause.NOISE_TOO_SMALL
    return Cause.WRONG_OCV_TABLE


def _current_is_reversed(signs: Signs) -> bool:
    chance = MOST_BY_CHANCE[signs.is_marked]
    steps_say_so = signs.agreement < MOST_AGREEMENT and signs.agreement_deviations < chance
    charge_says_so = signs.agreement < -0.5 * MOST_AGREEMENT and signs.rise_deviations < chance
    return charge_says_so or (steps_say_so and signs.steps_c > FEWEST_STEPS_C)


def _capacity_has_moved(signs: Signs) -> bool:
    """The filter has found another capacity and now agrees with the cell."""
    is_far = signs.growth < LEAST_SHARE_LEFT or signs.growth > LARGEST_GROWTH
    return is_far and signs.is_calm and signs.cycles > LEAST_CYCLES


def _capacity_is_far_off(signs: Signs, has_changed: bool, is_inside: bool) -> bool:
    """The filter looks for another capacity: every error, at every SOC, says that the cell is larger, or smaller."""
    if signs.growth < LOST[0] or signs.growth > LOST[1] or (has_changed and signs.is_calm):
        return True
    if signs.coherence <= COHERENT:
        return False
    is_smaller = signs.following > (FOLLOWING if signs.growth < 0.8 else 2 * FOLLOWING)
    return is_smaller or (is_inside and signs.growth > LARGEST_GROWTH)
