"""Which rows an estimator may step, and why it may not step the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.states import Skipped

NEEDED = ("test_time", "current", "voltage")
NO_READING = 1e15  # from here on a number is no reading; the built-in filter passes such rows over, too


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
    timed = np.abs(time) < NO_READING  # false for NaN
    finite = timed & (np.abs(current) < NO_READING) & (np.abs(voltage) < NO_READING)
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


def sift_fleet(
    starts: NDArray[np.intp],
    time: NDArray[np.float64],
    current: NDArray[np.float64],
    voltage: NDArray[np.float64],
    latest_times: Sequence[float | None],
) -> list[Sifted]:
    """As `sift` for each battery, whose rows stand end to end: those of battery k from `starts[k]` to `starts[k + 1]`.

    Where all rows are usable, which is nearly always, one look at all of them tells it.
    """
    finite = (np.abs(time) < NO_READING) & (np.abs(current) < NO_READING) & (np.abs(voltage) < NO_READING)
    lengths = np.diff(starts)
    with_rows = np.flatnonzero(lengths)
    before = np.empty_like(time)
    before[1:] = time[:-1]
    latest = np.array([-np.inf if each is None else each for each in latest_times], dtype=np.float64)
    before[starts[with_rows]] = latest[with_rows]
    odd_rows = np.flatnonzero(~(finite & (time >= before)))
    odd = set((np.searchsorted(starts, odd_rows, side="right") - 1).tolist())
    sifted = []
    for place, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=False)):
        if place in odd:
            rows = slice(start, start + length)
            sifted.append(sift(time[rows], current[rows], voltage[rows], latest_times[place]))
        else:
            sifted.append(Sifted(np.arange(length), Counter(), None))
    return sifted
