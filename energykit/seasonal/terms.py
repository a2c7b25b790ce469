"""The columns that a series of quarters is explained by: waves of the day, waves of the week, and a weekend of its own.

A step sharper than the shortest wave, such as from one midnight to the next quarter, is rounded.
"""

import numpy as np
from numpy.typing import NDArray

QUARTERS_A_DAY = 96
QUARTERS_A_WEEK = 7 * QUARTERS_A_DAY
MONDAY = 3 * QUARTERS_A_DAY  # 1970-01-01 was a Thursday; the phase of a week is counted from Monday

DAY_WAVES = 10  # the shortest is 2.4 h long
WEEK_WAVES = 6  # the seventh is the day
WEEKEND_WAVES = 6
WEEKS_FOR_A_WEEK = 2  # of history, before its weekdays are told apart


def design(quarters: NDArray[np.int64], weekly: bool) -> NDArray[np.float64]:
    """(m, p): a constant, then cos and sin of each wave, for m quarters counted from 1970-01-01 00:00 UTC."""
    day = _waves(quarters / QUARTERS_A_DAY, range(1, DAY_WAVES + 1))
    columns = [np.ones((len(quarters), 1)), day]
    if weekly:
        week_phase = (quarters + MONDAY) % QUARTERS_A_WEEK / QUARTERS_A_WEEK
        weekend = (week_phase >= 5 / 7)[:, None].astype(float)
        columns += [_waves(week_phase, range(1, WEEK_WAVES + 1)), weekend, weekend * day[:, : 2 * WEEKEND_WAVES]]
    return np.concatenate(columns, axis=1)


def penalties(weekly: bool) -> NDArray[np.float64]:
    """(p,) of `design`'s columns, in quarters of evidence: the shorter a wave, the more it must show."""
    day = np.repeat(np.arange(1, DAY_WAVES + 1), 2) ** 2 / 4
    parts = [np.zeros(1), day]
    if weekly:
        parts += [np.full(2 * WEEK_WAVES + 1, 2.0), 4 * day[: 2 * WEEKEND_WAVES]]
    return np.concatenate(parts)


def frequencies(weekly: bool) -> NDArray[np.float64]:
    """(p,) of `design`'s columns, in cycles a quarter; a weekend is about as slow as the second wave of the week."""
    day = np.repeat(np.arange(1, DAY_WAVES + 1), 2) / QUARTERS_A_DAY
    week = np.repeat(np.arange(1, WEEK_WAVES + 1), 2) / QUARTERS_A_WEEK
    return np.concatenate(
        [np.zeros(1), day, *([week, np.full(1, 2 / QUARTERS_A_WEEK), day[: 2 * WEEKEND_WAVES]] if weekly else [])]
    )


def _waves(phase: NDArray[np.float64], orders: range) -> NDArray[np.float64]:
    angle = 2 * np.pi * phase[:, None] * np.array(orders)
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(phase), -1)
