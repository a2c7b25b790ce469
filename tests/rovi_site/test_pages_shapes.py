"""The pure parts of pages: numbers, ranges, gaps, small lines."""

import doctest
import math

import pytest
from django.http import QueryDict

from rovi_site.pages import chart_answers, gaps, numbers, ranges
from rovi_site.pages.quantities import quantity_of, title_of
from rovi_site.pages.ranges import range_of
from rovi_site.pages.sparklines import spark


@pytest.mark.parametrize("module", [chart_answers, numbers, ranges])
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_unknown_is_a_dash(value):
    assert numbers.number(value) == numbers.duration(value) == "—"


def test_nought_has_no_sign_though_it_was_rounded_from_below():
    assert numbers.number(-0.004, 2) == "0.00"


def shown(query: str) -> tuple[float, float, bool]:
    found = range_of(QueryDict(query), 100.0, 100_000.0)
    return found.start, found.end, found.follows


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (100.0, 100_000.0, True)),
        ("from=end-6h", (78_400.0, 100_000.0, True)),
        ("from=end-30d", (100.0, 100_000.0, True)),  # never before the record
        ("from=500&to=600.5", (500.0, 600.5, False)),
        ("from=500", (500.0, 100_000.0, True)),
        ("from=end-2h&to=end-1h", (92_800.0, 96_400.0, False)),
        ("from=600&to=500", (100.0, 100_000.0, True)),
        ("from=nan", (100.0, 100_000.0, True)),
        ("from=inf&to=1e400", (100.0, 100_000.0, True)),
        ("from=';DROP TABLE x", (100.0, 100_000.0, True)),
    ],
)
def test_a_range_is_read_from_the_address(query, expected):
    assert shown(query) == expected


def test_a_gap_is_a_step_over_three_times_the_usual():
    assert gaps.gap_after([0, 1, 2, 3, 4, 5, 8.9, 9.9]) == [5]
    assert gaps.gap_after([0, 1, 2, 3, 4, 5, 7.9, 8.9]) == []


def test_a_rest_that_is_sampled_seldom_is_no_gap():
    cycle = [float(second) for second in range(100)]
    rest = [100.0 + 60 * minute for minute in range(10)]
    assert gaps.gap_after([*cycle, *rest]) == []


def test_days_sampled_once_a_month_stand_apart():
    days = [month * 30.0 + hour / 24 for month in range(12) for hour in range(6)]
    assert gaps.gap_after(days) == [6 * month + 5 for month in range(11)]


def test_a_gap_too_narrow_to_be_seen_is_not_opened():
    times = [*map(float, range(1000)), *map(float, range(1004, 2000))]
    assert gaps.gap_after(times) == []


def test_what_is_not_finite_is_left_out_of_a_line():
    assert gaps.with_gaps([0.0, 1.0, 2.0], [1.0, math.nan, None]) == [[0.0, 1.0, 2.0], [1.0, None, None]]


def test_states_are_named_as_moirae_and_sql_name_them():
    assert title_of("q_t.base_values") == title_of("q_t__base_values") == "Capacity, Ah"
    assert (quantity_of("r0.base_values").scale, title_of("i_rc[1]")) == (1000.0, "RC current[1], A")
    assert title_of("my_own") == "my_own"


def test_a_small_line_runs_from_left_to_right_and_falls_with_its_values():
    drawn = spark([1.0, 0.9, 0.8], [0.0, 0.0, 0.0], "Ah", 2)
    points = [tuple(map(float, point.split(","))) for point in drawn.line.split()]
    assert [x for x, _ in points] == [0.0, 48.0, 96.0]
    # the span of 0.2 fills 1/1.1 of 26: its ends stand 26/2 ± 26/2.2 from the top
    assert [y for _, y in points] == pytest.approx([1.2, 13.0, 24.8], abs=0.05)
    assert drawn.label == "from 1.00 to 0.80 Ah"
    assert spark([1.0], [0.0], "Ah", 2) is None
