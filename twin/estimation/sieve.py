"""Which rows an estimator may step, and why it may not step the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

NEEDED = ("test_time", "current", "voltage")


class Skipped(StrEnum):
    """Why a row gave no estimate."""

    FIRST_CONTROL = "first_control"  # the first row only says which current flows until the second
    NO_TEST_TIME = "no_test_time"
    NOT_FINITE = "not_finite"  # current or voltage is missing
    LATE = "late"  # older than a row already taken
    DIVERGED = "diverged"  # its numbers broke the arithmetic of the built-in filter


@dataclass(frozen=True)
class Sifted:
    """`usable` are the places of rows that may be stepped; in them time never falls."""

    usable: NDArray[np.intp]
    skipped: Counter[str]
    late_from: float | None  # least test_time of the late rows, s


def sift(
    time: NDArray[np.float64], current: NDArray[np.float64], voltage: NDArray[np.float64], latest_time: float | None
) -> Sifted:
    """Sifts rows in order of arrival; `latest_time` is the test_time of the newest row taken before them."""
    timed = np.isfinite(time)
    finite = timed & np.isfinite(current) & np.isfinite(voltage)
    taken = time[finite]
    begin = -np.inf if latest_time is None else latest_time
    newest_before = np.maximum.accumulate(np.concatenate(([begin], taken)))[:-1]
    late = taken < newest_before
    places = np.flatnonzero(finite)
    skipped = Counter(
        {
            str(Skipped.NO_TEST_TIME): int(np.count_nonzero(~timed)),
            str(Skipped.NOT_FINITE): int(np.count_nonzero(timed & ~finite)),
            str(Skipped.LATE): int(np.count_nonzero(late)),
        }
    )
    return Sifted(places[~late], +skipped, float(taken[late].min()) if late.any() else None)
