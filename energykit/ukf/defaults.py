"""Starting doubts and noises for a cell of which only capacity and resistance are known.

Tuned on simulated cells (tests/energykit/simulation): wide enough to find a start that is wrong by 10 % SOC,
5 % capacity and 20 % resistance, and to follow a cell that loses a few per cent a year with some hundred rows a month.
"""

INITIAL_SOC_STD = 0.1
INITIAL_RC_CURRENT_STD_C_RATE = 0.1
INITIAL_HYSTERESIS_STD_V = 1e-3
INITIAL_CAPACITY_STD_SHARE = 0.05
INITIAL_R0_STD_SHARE = 0.2

STEP_SOC_STD = 1e-4
STEP_RC_CURRENT_STD_C_RATE = 2e-3
STEP_HYSTERESIS_STD_V = 1e-5
STEP_CAPACITY_STD_SHARE = 2e-4
STEP_R0_STD_SHARE = 1e-3


def initial_variances(capacity_ah: float, r0_ohm: float, pairs: int) -> tuple[float, ...]:
    return (
        INITIAL_SOC_STD**2,
        *((INITIAL_RC_CURRENT_STD_C_RATE * capacity_ah) ** 2,) * pairs,
        INITIAL_HYSTERESIS_STD_V**2,
        (INITIAL_CAPACITY_STD_SHARE * capacity_ah) ** 2,
        (INITIAL_R0_STD_SHARE * r0_ohm) ** 2,
    )


def step_variances(capacity_ah: float, r0_ohm: float, pairs: int) -> tuple[float, ...]:
    return (
        STEP_SOC_STD**2,
        *((STEP_RC_CURRENT_STD_C_RATE * capacity_ah) ** 2,) * pairs,
        STEP_HYSTERESIS_STD_V**2,
        (STEP_CAPACITY_STD_SHARE * capacity_ah) ** 2,
        (STEP_R0_STD_SHARE * r0_ohm) ** 2,
    )


def diagonal(variances: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    size = range(len(variances))
    return tuple(tuple(variances[row] if row == column else 0.0 for column in size) for row in size)
