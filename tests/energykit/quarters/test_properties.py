"""What holds of any readings: energy is conserved, nothing is covered twice, arrays give what the exact rules give."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energykit.quarters import QUARTER, Reading, arrays, ends, quarters_of, typical_step

SECOND = 1_000_000
BEGIN = 1_535_068_800 * SECOND  # 2018-08-24
values = st.one_of(st.none(), st.floats(0, 1e6, allow_subnormal=False), st.integers(0, 1000).map(float))
steps = st.one_of(
    st.sampled_from([1, 60, 300, 900, 3600, 3601, 7200, 86_400]).map(lambda seconds: seconds * SECOND),
    st.integers(1, 3 * 3600 * SECOND),
)
lengths = st.one_of(st.none(), st.integers(1, 2 * 3600 * SECOND))


@st.composite
def readings(draw, most=30, declared=lengths, is_energy=None):
    """In order of time, as requests of one asset may leave them."""
    time = BEGIN + draw(st.integers(-SECOND * 86_400, SECOND * 86_400))
    found = []
    for _ in range(draw(st.integers(1, most))):
        of_energy = draw(st.booleans()) if is_energy is None else is_energy
        step = draw(st.one_of(st.none(), st.integers(1, 3600 * SECOND)))
        found.append(Reading(time, draw(values), of_energy, draw(declared), step))
        time += draw(steps)
    return found


def as_arrays(lists):
    rows = [(place, *reading) for place, each in enumerate(lists) for reading in each]
    asset, time, value, is_energy, interval, step = zip(*rows, strict=True)
    return (
        np.array(asset), np.array(time, np.int64), np.array([[np.nan if v is None else v for v in value]], float),
        np.array(is_energy, bool), np.array([i or 0 for i in interval], np.int64),
        np.array([s or 0 for s in step], np.int64),
    )  # fmt: skip


@given(readings(declared=st.none(), is_energy=True))
def test_all_energy_that_was_read_is_in_the_quarters(found):
    quarters = quarters_of(found)

    assert sum((it.energy for it in quarters.values()), Fraction(0)) == sum(
        (Fraction(reading.value) for reading in found if reading.value is not None), Fraction(0)
    )


@given(readings())
def test_a_quarter_is_covered_in_part_at_least_and_once_at_most(found):
    for it in quarters_of(found).values():
        assert 0 < it.covered <= QUARTER


@given(readings(is_energy=False))
def test_no_quarter_has_more_than_its_greatest_power(found):
    greatest = max((Fraction(reading.value) for reading in found if reading.value is not None), default=Fraction(0))
    for it in quarters_of(found).values():
        assert it.energy <= greatest / 4


@given(readings(is_energy=False))
def test_energy_is_power_by_covered_time(found):
    """Another way to the whole: time and power of each reading, without quarters."""
    expected = sum(
        (Fraction(reading.value) * (end - reading.time) / (3600 * SECOND)
         for reading, end in zip(found, ends(found), strict=True) if reading.value is not None),
        Fraction(0),
    )  # fmt: skip
    assert sum((it.energy for it in quarters_of(found).values()), Fraction(0)) == expected


@given(readings())
def test_times_of_readings_do_not_overlap(found):
    until = ends(found)
    assert all(end <= following.time for end, following in zip(until, found[1:], strict=False))
    assert all(end > reading.time for end, reading in zip(until, found, strict=True))


@given(st.lists(readings(most=12), min_size=1, max_size=4))
def test_arrays_give_what_the_exact_rules_give(lists):
    found = arrays.quarters_of(*as_arrays(lists))

    exact = [(place, start, it) for place, each in enumerate(lists) for start, it in quarters_of(each).items()]
    assert found.asset.tolist() == [place for place, _, _ in exact]
    assert found.start.tolist() == [start for _, start, _ in exact]
    assert found.covered.tolist() == [it.covered for *_, it in exact]
    assert found.energies[0].tolist() == pytest.approx([float(it.energy) for *_, it in exact], rel=1e-9, abs=1e-300)


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=20, unique=True).map(sorted), st.integers(1, 5000))
def test_the_typical_step_is_the_lower_median_of_those_that_are_no_gap(times, gap):
    steps = sorted(b - a for a, b in pairwise(times) if b - a <= gap)
    found = typical_step(times, gap)

    if steps:
        below = sum(step < found for step in steps)
        assert found in steps
        assert below <= (len(steps) - 1) // 2 < sum(step <= found for step in steps)
    else:
        assert found is None
