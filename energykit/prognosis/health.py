"""What is known of a battery's health, and what is forecast of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from energykit.prognosis.errors import CannotForecast

LARGEST_SD = 10.0  # of SOH: beyond it an estimate says nothing
SAME_TIME_S = 1e-3  # seconds; estimates nearer to each other are of one time
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Mean of a distribution from its 5th, 50th and 95th percentile: Keefer and Bodily, "Three-point approximations for
# continuous random variables", Management Science 29 (1983) 595–609, the extended Pearson-Tukey method.
MEAN_WEIGHTS = {0.05: 0.185, 0.5: 0.63, 0.95: 0.185}


@dataclass(frozen=True)
class HealthHistory:
    """State of health so far, oldest first; rows that are not finite or go back in time are left out by `of`.

    time_s: (n,) seconds on the battery's own clock (test_time); ascending.
    soh: (n,) share of the nominal capacity, 1 when new.
    soh_sd: (n,) standard deviation of each, 0 where unknown.
    throughput_ah: (n,) charge moved since the clock's zero, in and out together, or None.
    """

    time_s: NDArray[np.float64]
    soh: NDArray[np.float64]
    soh_sd: NDArray[np.float64]
    throughput_ah: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        time_s: NDArray[np.float64],
        soh: NDArray[np.float64],
        soh_sd: NDArray[np.float64] | None = None,
        throughput_ah: NDArray[np.float64] | None = None,
    ) -> "HealthHistory":
        """From columns as they are stored: sorted by time, one value a time (the last), only finite rows."""
        time, share = np.asarray(time_s, float), np.asarray(soh, float)
        deviation = np.zeros(len(time)) if soh_sd is None else np.nan_to_num(np.abs(np.asarray(soh_sd, float)))
        moved = None if throughput_ah is None else np.asarray(throughput_ah, float)
        if not len(time) == len(share) == len(deviation) or (moved is not None and len(moved) != len(time)):
            raise CannotForecast(
                "The columns of the history differ in length.", "Give one value of each a time.", "history"
            )
        usable = np.isfinite(time) & np.isfinite(share)
        if moved is not None:
            usable &= np.isfinite(moved)
        order = np.flatnonzero(usable)[np.argsort(time[usable], kind="stable")]
        order = order[np.append(np.diff(time[order]) > SAME_TIME_S, True)] if len(order) else order
        return cls(
            time[order], share[order], np.minimum(deviation[order], LARGEST_SD), None if moved is None else moved[order]
        )

    def __len__(self) -> int:
        return len(self.time_s)

    def until(self, time_s: float) -> "HealthHistory":
        """What was known at that time, the time included."""
        return self.part(slice(0, int(np.searchsorted(self.time_s, time_s, side="right"))))

    def part(self, rows: slice) -> "HealthHistory":
        moved = None if self.throughput_ah is None else self.throughput_ah[rows]
        return HealthHistory(self.time_s[rows], self.soh[rows], self.soh_sd[rows], moved)


@dataclass(frozen=True)
class HealthForecast:
    """SOH ahead of the last estimate.

    ahead_s: (k,) seconds from the last time of the history, ascending, 0 allowed.
    quantiles: (5, k) SOH by `LEVELS`, lowest first; never crossing each other.
    model: which model and why, in words.
    details: numbers behind it, by name (fitted parameters, scores of the back-test), for people to look at.
    """

    ahead_s: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    model: str
    details: Mapping[str, object] = field(default_factory=dict)

    def level(self, level: float) -> NDArray[np.float64]:
        """(k,) SOH that is undercut with this probability; between `LEVELS` interpolated, KeyError outside."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise KeyError(level)
        above = int(np.searchsorted(LEVELS, level))
        if LEVELS[above] == level:
            return self.quantiles[above]
        share = (level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1])
        return (1 - share) * self.quantiles[above - 1] + share * self.quantiles[above]

    @property
    def median(self) -> NDArray[np.float64]:
        return self.level(0.5)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(k,) the expected SOH, from three quantiles (see MEAN_WEIGHTS)."""
        return sum((weight * self.level(level) for level, weight in MEAN_WEIGHTS.items()), np.zeros(len(self.ahead_s)))

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """`ahead_time` (s), `soh` (the median) and `soh_q05` … `soh_q95`, each (k,)."""
        quantiles = {f"soh_q{round(100 * level):02d}": self.level(level) for level in LEVELS}
        return {"ahead_time": self.ahead_s, "soh": self.median, **quantiles}
