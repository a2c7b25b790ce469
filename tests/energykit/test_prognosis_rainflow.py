"""Rainflow counting against the standard's example and the figures of another implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energykit.prognosis.rainflow import cycles, turning_points


def test_the_example_of_the_standard_is_counted_as_printed_there():
    """ASTM E1049-85, figure 6: ranges 3, 4, 6, 8 and 9."""
    found = cycles([-2, 1, -3, 5, -1, 3, -4, 4, -2])

    counts: dict[float, float] = {}
    for depth, count in zip(found.depth, found.count, strict=True):
        counts[depth] = counts.get(depth, 0.0) + count
    assert counts == {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}


def test_cycles_agree_with_the_rainflow_package():
    """extract_cycles of rainflow 3.2.0 (PyPI): range, mean, count, start, end."""
    series = [0.5, 0.9, 0.2, 0.55, 0.35, 0.8, 0.1, 0.6, 0.6, 0.3, 0.95, 0.4, 0.45, 0.05, 0.7]

    found = cycles(series)

    assert list(zip(found.depth, found.mean, found.count, found.start, found.end, strict=True)) == [
        pytest.approx(row)
        for row in (
            (0.4, 0.7, 0.5, 0, 1),
            (0.2, 0.45, 1.0, 3, 4),
            (0.6, 0.5, 1.0, 2, 5),
            (0.3, 0.45, 1.0, 8, 9),
            (0.8, 0.5, 0.5, 1, 6),
            (0.05, 0.425, 1.0, 11, 12),
            (0.85, 0.525, 0.5, 6, 10),
            (0.9, 0.5, 0.5, 10, 13),
            (0.65, 0.375, 0.5, 13, 14),
        )
    ]


@given(st.lists(st.integers(0, 20), min_size=0, max_size=60))
def test_every_way_up_and_down_is_in_exactly_one_cycle(series):
    found = cycles(series)

    assert 2 * np.sum(found.depth * found.count) == pytest.approx(np.sum(np.abs(np.diff(series))))


def test_ripple_below_the_smallest_swing_is_passed_over_and_the_swing_around_it_keeps_its_depth():
    series = [0.2, 0.5, 0.498, 0.9, 0.897, 0.9, 0.4, 0.401, 0.399, 0.3]

    assert turning_points(series, smallest=0.01).tolist() == [0, 5, 9]
    found = cycles(series, smallest=0.01)
    assert found.depth == pytest.approx([0.7, 0.6])
    assert found.count.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("series", [[], [0.5], [0.5, 0.5, 0.5]])
def test_what_never_turns_has_no_cycles(series):
    assert len(cycles(series).depth) == 0
