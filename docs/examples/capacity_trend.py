"""A forecaster: the capacity's trend, drawn on, with a 95 % prediction interval.

Upload it in the admin (Forecasters, Add) or with POST /prognosis/register, with the query

    SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 20000

`past_estimates` comes oldest first; `load` says at which times the answer is wanted. This one takes no notice of the
load's current: it says what happens if the battery is used as before.
"""

import numpy as np
import pandas as pd

CAPACITY = "q_t__base_values"
POINTS = 60
NORMAL_95 = 1.96


def forecast(past_estimates: pd.DataFrame, load: pd.DataFrame) -> pd.DataFrame:
    """Capacity (Ah) at the times of the load, with the columns `_lower` and `_upper` of its band."""
    time, capacity = later_half(past_estimates)
    time, capacity = averaged(time, capacity)
    slope, level = np.polyfit(time - time.mean(), capacity, 1)
    scatter = np.std(capacity - (level + slope * (time - time.mean())), ddof=2)

    # The interval of a new value around a fitted line: Draper and Smith, Applied Regression Analysis, eq. 3.1.13.
    ahead = load["battery_time"].to_numpy() - time.mean()
    spread = np.sqrt(1 + 1 / len(time) + ahead**2 / np.sum((time - time.mean()) ** 2))
    expected = level + slope * ahead
    band = NORMAL_95 * scatter * spread
    return pd.DataFrame(
        {
            "test_time": load["test_time"],
            CAPACITY: expected,
            f"{CAPACITY}_lower": expected - band,
            f"{CAPACITY}_upper": expected + band,
        }
    )


def later_half(past: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The newer half of the time span: an estimator's first guesses say little about the battery."""
    time, capacity = past["test_time"].to_numpy(), past[CAPACITY].to_numpy()
    new = time >= (time[0] + time[-1]) / 2
    return time[new], capacity[new]


def averaged(time: np.ndarray, capacity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of up to 60 equal parts of time: neighbouring estimates share their errors and count as one."""
    if len(time) < 3:
        raise ValueError(f"A trend needs at least 3 estimates in the newer half of the history; there are {len(time)}.")
    part = np.minimum((time - time[0]) / max(time[-1] - time[0], 1e-9) * POINTS, POINTS - 1).astype(int)
    count = np.bincount(part, minlength=POINTS)
    some = count > 0
    if some.sum() < 3:
        return time, capacity
    mean_time = np.bincount(part, time, POINTS)[some] / count[some]
    return mean_time, np.bincount(part, capacity, POINTS)[some] / count[some]
