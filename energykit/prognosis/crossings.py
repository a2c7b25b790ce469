"""When a forecast falls below a threshold, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from energykit.prognosis.health import LEVELS, HealthForecast

DAY = 86_400.0
YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Crossing:
    """The time at which SOH falls below `threshold`, as quantiles.

    ahead_s: five times in seconds ahead by `LEVELS`: with this probability it is below by then; None is "not within the
        horizon". The 5 % time is where the 5 % quantile of SOH crosses: health only falls, so SOH(t) < threshold and
        "crossed by t" are the same event.
    horizon_s: how far the forecast reaches.
    chance: probability of being below at the horizon's end, between 0.05 and 0.95 (what five quantiles can tell).
    """

    threshold: float
    ahead_s: tuple[float | None, ...]
    horizon_s: float
    chance: float

    def at(self, level: float) -> float | None:
        return self.ahead_s[LEVELS.index(level)]

    @property
    def sentence(self) -> str:
        goal = f"{100 * self.threshold:.4g} %"
        early, likely, late = self.at(0.05), self.at(0.5), self.at(0.95)
        if late is not None and late <= 0:
            return f"Is below {goal} already."
        if early is None:
            return f"Stays above {goal} within the horizon of {spelled(self.horizon_s)} (at least 95 % sure)."
        first = "now" if early <= 0 else f"in {spelled(early)}"
        if likely is None:
            return (
                f"Probably stays above {goal} within the horizon of {spelled(self.horizon_s)}; "
                f"falls below at the earliest {first} (5 %)."
            )
        when = "about now" if likely <= 0 else f"in {spelled(likely)}"
        last = f"not within the horizon of {spelled(self.horizon_s)}" if late is None else f"in {spelled(late)}"
        return f"Falls below {goal} {when}; at the earliest {first} (5 %), at the latest {last} (95 %)."


def spelled(seconds: float) -> str:
    """A time ahead in words, to about one part in fifty: "36 hours", "45 days", "2.3 years"."""
    if seconds < 3 * DAY:
        return _amount(seconds / 3600, "hour")
    if seconds < 2 * YEAR:
        return _amount(seconds / DAY, "day")
    return f"{seconds / YEAR:.1f} years"


def _amount(number: float, unit: str) -> str:
    return f"{number:.0f} {unit}" + ("" if round(number) == 1 else "s")


def crossing_of(forecast: HealthForecast, threshold: float) -> Crossing:
    """Where each quantile first falls below the threshold, between two points linearly."""
    times = tuple(_first_below(forecast.ahead_s, soh, threshold) for soh in forecast.quantiles)
    return Crossing(threshold, times, float(forecast.ahead_s[-1]), _chance_below(forecast.quantiles[:, -1], threshold))


def _first_below(ahead_s: np.ndarray, soh: np.ndarray, threshold: float) -> float | None:
    below = np.flatnonzero(soh < threshold)
    if not len(below):
        return None
    first = int(below[0])
    if first == 0:
        return float(ahead_s[0])
    share = (soh[first - 1] - threshold) / (soh[first - 1] - soh[first])
    return float(ahead_s[first - 1] + share * (ahead_s[first] - ahead_s[first - 1]))


def _chance_below(quantiles: np.ndarray, threshold: float) -> float:
    return float(np.interp(threshold, quantiles, LEVELS))
