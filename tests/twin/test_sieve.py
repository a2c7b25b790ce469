"""Sifting rows: time never falls among those that pass, and where the chunks are cut makes no difference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.estimation.sieve import sift, sift_fleet

NUMBERS = st.sampled_from([np.nan, np.inf, 0.0, 1.0, 2.0, 3.0])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=12)


def one_by_one(rows, latest):
    """The same in plain words."""
    usable, skipped = [], {"no_test_time": 0, "not_finite": 0, "late": 0}
    for place, (time, current, voltage) in enumerate(rows):
        if not np.isfinite(time):
            skipped["no_test_time"] += 1
        elif not (np.isfinite(current) and np.isfinite(voltage)):
            skipped["not_finite"] += 1
        elif latest is not None and time < latest:
            skipped["late"] += 1
        else:
            usable.append(place)
            latest = time
    return usable, {reason: count for reason, count in skipped.items() if count}


@given(ROWS, st.sampled_from([None, 0.0, 2.0]))
def test_it_passes_what_one_look_at_each_row_would_pass(rows, latest):
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 3
    sifted = sift(*columns, latest)
    usable, skipped = one_by_one(rows, latest)
    assert sifted.usable.tolist() == usable
    assert dict(sifted.skipped) == skipped


@given(st.lists(st.tuples(ROWS, st.sampled_from([None, 0.0, 2.0])), max_size=6))
def test_a_fleet_is_sifted_as_each_of_its_batteries(batteries):
    rows = [row for of_battery, _ in batteries for row in of_battery]
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 3
    starts = np.cumsum([0, *(len(of_battery) for of_battery, _ in batteries)])
    together = sift_fleet(starts, *columns, [latest for _, latest in batteries])
    for place, (_, latest) in enumerate(batteries):
        alone = sift(*(column[starts[place] : starts[place + 1]] for column in columns), latest)
        assert together[place].usable.tolist() == alone.usable.tolist()
        assert (together[place].skipped, together[place].late_from) == (alone.skipped, alone.late_from)


def test_equal_times_pass():
    times = np.array([1.0, 1.0, 2.0, 2.0])
    assert sift(times, times, times, 1.0).usable.tolist() == [0, 1, 2, 3]


def test_late_rows_are_known_by_the_least_of_their_times():
    times = np.array([5.0, 3.0, 4.0, 6.0])
    assert sift(times, times, times, None).late_from == 3.0
