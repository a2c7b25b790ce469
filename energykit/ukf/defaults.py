"""Starting doubts and noises for a cell of which only capacity and resistance are known.

Wide enough to find a start that is wrong by 10 % SOC, 5 % capacity and 20 % resistance, and to follow a cell that loses
a few per cent of its capacity a year. Resistance grows some three times as fast as capacity is lost (by 60 % until 80 %
are left), so it wanders three times as far. Noises are a second, so that they mean the same at any logging interval;
tuned with `python -m benchmarks.coverage` on simulated cells of four chemistries and three duties, logged every 10 s to
10 min.
"""

import math

from energykit.ukf.layout import Layout

INITIAL_SOC_STD = 0.1
INITIAL_RC_CURRENT_STD_C_RATE = 0.1
INITIAL_HYSTERESIS_STD_V = 1e-3
FADING_HYSTERESIS_STD_V = 5e-3  # at any time, as an OCV table of another cell of the kind is off
INITIAL_CAPACITY_STD_SHARE = 0.05
INITIAL_R0_STD_SHARE = 0.2

# What a state may wander in a day, one standard deviation; an RC current forgets within its time constant.
DAILY_SOC_STD = 7e-4
DAILY_RC_CURRENT_STD_C_RATE = 5e-2
DAILY_HYSTERESIS_STD_V = 1e-5
DAILY_CAPACITY_STD_SHARE = 6e-4
DAILY_R0_STD_SHARE = 3 * DAILY_CAPACITY_STD_SHARE
SECONDS_PER_DAY = 86_400.0

SENSOR_STD_V = 2e-3


def initial_variances(
    capacity_ah: float, r0_ohm: float, layout: Layout, hysteresis_seconds: float = 0.0
) -> tuple[float, ...]:
    hysteresis = FADING_HYSTERESIS_STD_V if hysteresis_seconds else INITIAL_HYSTERESIS_STD_V
    return (
        INITIAL_SOC_STD**2,
        *((INITIAL_RC_CURRENT_STD_C_RATE * capacity_ah) ** 2,) * layout.pairs,
        *(hysteresis**2,) * layout.has_hysteresis,
        (INITIAL_CAPACITY_STD_SHARE * capacity_ah) ** 2,
        (INITIAL_R0_STD_SHARE * r0_ohm) ** 2,
    )


def variances_per_second(
    capacity_ah: float, r0_ohm: float, layout: Layout, hysteresis_seconds: float = 0.0
) -> tuple[float, ...]:
    hysteresis = DAILY_HYSTERESIS_STD_V
    if hysteresis_seconds:
        hysteresis = FADING_HYSTERESIS_STD_V * math.sqrt(2.0 * SECONDS_PER_DAY / hysteresis_seconds)
    daily = (
        DAILY_SOC_STD,
        *(DAILY_RC_CURRENT_STD_C_RATE * capacity_ah,) * layout.pairs,
        *(hysteresis,) * layout.has_hysteresis,
        DAILY_CAPACITY_STD_SHARE * capacity_ah,
        DAILY_R0_STD_SHARE * r0_ohm,
    )
    return tuple(std * std / SECONDS_PER_DAY for std in daily)


def diagonal(variances: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    size = range(len(variances))
    return tuple(tuple(variances[row] if row == column else 0.0 for column in size) for row in size)
