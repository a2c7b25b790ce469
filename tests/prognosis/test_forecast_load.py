"""A load is what the request says, checked field by field and laid out in steps."""

import numpy as np
import pytest

from prognosis.errors import LoadRefused
from prognosis.forecasting.layout import load_columns
from prognosis.forecasting.load import Load, load_from, points_of

HEADER = "The first line must name test_time and at least one of current, power, temperature, and nothing else"
WEEK = "test_time,current,temperature\n0,2.0,20\n3600,-1.0,30\n5400,0,25\n"


def complaints(values, csv=""):
    with pytest.raises(LoadRefused) as refused:
        load_from(values, csv)
    return refused.value.fields


def columns(values, csv=""):
    return {name: list(column) for name, column in load_columns(load_from(values, csv)).items()}


# --- time ----------------------------------------------------------------------------------------------------------
def test_the_seeds_bare_load_is_time_in_steps_of_one_second_below_its_end():
    assert columns({"ahead_time": "4"}) == {"test_time": [0, 1, 2, 3]}


def test_the_last_step_lies_below_ahead_time():
    assert columns({"ahead_time": 10, "resolution": 3}) == {"test_time": [0, 3, 6, 9]}
    assert columns({"ahead_time": 9, "resolution": 3}) == {"test_time": [0, 3, 6]}
    assert columns({"ahead_time": 1, "resolution": 3}) == {"test_time": [0]}


def test_steps_that_floats_cannot_hold_reach_neither_too_far_nor_too_short():
    # 2.1 / 0.3 is a little above 7 in floats: an eighth point would stand at 2.1, which is not below 2.1.
    assert points_of(2.1, 0.3) == 7
    # 3 * 0.3 is a little below 0.9 in floats: a fourth point would stand where 0.9 is meant.
    assert points_of(0.9, 0.3) == 3


@pytest.mark.parametrize(("ahead", "step"), [(1e6, 1), (31_557_600, 60), (1, 1e-6)])
def test_a_million_points_is_the_most(ahead, step):
    assert load_from({"ahead_time": ahead, "resolution": step}).points <= 1_000_000


def test_more_points_are_refused_with_the_step_that_would_do():
    fields = complaints({"ahead_time": 31_557_600, "resolution": 1})
    assert fields == {
        "resolution": ["3.15576e+07 s in steps of 1 s are more than 1,000,000 points; take steps of 32 s or more."]
    }
    assert load_from({"ahead_time": 31_557_600, "resolution": 32}).points == 986_175
    assert list(complaints({"ahead_time": 1_000_001})) == ["resolution"]
    assert list(complaints({"ahead_time": 1e300, "resolution": 1e-300})) == ["resolution"]


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({}, "ahead_time", "Say how far ahead to forecast, in seconds."),
        ({"ahead_time": ""}, "ahead_time", "Say how far ahead to forecast, in seconds."),
        ({"ahead_time": 0}, "ahead_time", "0 is not above 0 s."),
        ({"ahead_time": "-5"}, "ahead_time", "-5 is not above 0 s."),
        ({"ahead_time": "soon"}, "ahead_time", "'soon' is no finite number."),
        ({"ahead_time": "nan"}, "ahead_time", "'nan' is no finite number."),
        ({"ahead_time": "inf"}, "ahead_time", "'inf' is no finite number."),
        ({"ahead_time": True}, "ahead_time", "'True' is no finite number."),
        ({"ahead_time": [5]}, "ahead_time", "'[5]' is no finite number."),
        ({"ahead_time": 10**400}, "ahead_time", f"'{'1' + '0' * 39}' is no finite number."),
        ({"ahead_time": 5, "resolution": 0}, "resolution", "0 is not above 0 s."),
        ({"ahead_time": 5, "current": "much"}, "current", "'much' is no finite number."),
        ({"ahead_time": 5, "current": 1, "power": 1}, "power", "Give a current or a power, not both."),
    ],
)
def test_a_fault_stands_at_its_field(values, field, complaint):
    assert complaints(values) == {field: [complaint]}


def test_every_fault_is_told_at_once():
    fields = complaints({"ahead_time": "x", "resolution": -1, "power": "y"})
    assert list(fields) == ["ahead_time", "resolution", "power"]


# --- profiles ------------------------------------------------------------------------------------------------------
def test_a_constant_current_or_power_fills_its_column():
    assert columns({"ahead_time": 3, "current": "-1.5"}) == {"test_time": [0, 1, 2], "current": [-1.5, -1.5, -1.5]}
    assert columns({"ahead_time": 2, "power": 40}) == {"test_time": [0, 1], "power": [40, 40]}
    assert columns({"ahead_time": 2, "current": 0}) == {"test_time": [0, 1], "current": [0, 0]}


def test_a_row_of_a_csv_holds_until_the_next():
    assert columns({"ahead_time": 7200, "resolution": 1800}, WEEK) == {
        "test_time": [0, 1800, 3600, 5400],
        "current": [2, 2, -1, 0],
        "temperature": [20, 20, 30, 25],
    }


def test_a_step_has_the_mean_of_what_lies_in_it_so_that_charge_is_kept():
    # 2 A for 3600 s, then -1 A for 1800 s: 5400 As over 5400 s are 1 A.
    assert columns({"ahead_time": 5400, "resolution": 5400}, WEEK)["current"] == [pytest.approx(1.0)]
    for resolution in (1, 7, 100, 900, 5000):
        load = load_columns(load_from({"ahead_time": 7200, "resolution": resolution}, WEEK))
        edges = np.append(load["test_time"], min(len(load["test_time"]) * resolution, 7200))
        assert np.sum(load["current"] * np.diff(edges)) == pytest.approx(2 * 3600 - 1800)


def test_without_ahead_time_a_load_lasts_as_long_as_its_csv_the_last_row_as_long_as_the_one_before():
    assert load_from({"resolution": 600}, WEEK).ahead_time == 7200


def test_a_csv_of_one_row_holds_as_long_as_asked():
    assert columns({"ahead_time": 3}, "test_time,power\n0,5\n") == {"test_time": [0, 1, 2], "power": [5, 5, 5]}
    assert list(complaints({}, "test_time,power\n0,5\n")) == ["ahead_time"]


def test_a_csv_may_begin_before_now():
    assert columns({"ahead_time": 2}, "test_time,current\n-10,1\n1,3\n12,0\n")["current"] == [1, 3]


def test_a_csv_that_ends_too_early_is_refused():
    assert complaints({"ahead_time": 7201}, WEEK) == {
        "ahead_time": ["The CSV ends at 7200 s, before 7201 s; what is asked after that is unknown."]
    }


@pytest.mark.parametrize(
    ("csv", "complaint"),
    [
        ("current\n1\n", f"{HEADER}; it has 'current'."),
        ("test_time\n1\n", f"{HEADER}; it has 'test_time'."),
        ("test_time,volts\n0,1\n", f"{HEADER}; it has 'test_time', 'volts'."),
        ("test_time,current,current\n0,1,1\n", "Two columns have the same name."),
        ("test_time,current\n", "The CSV has a header and no rows."),
        ("test_time,current\n0,1\n1\n", "Line 3 has 1 values; the header names 2 columns."),
        ("test_time,current\n0,much\n", "Line 2: 'much' is no finite number for current."),
        ("test_time,current\n0,nan\n", "Line 2: 'nan' is no finite number for current."),
        (
            "test_time,current\n5,1\n9,1\n",
            "The CSV begins at 5 s; its first row must hold at 0 s, the newest estimate.",
        ),
        ("test_time,current\n0,1\n9,1\n9,2\n", "test_time must rise from row to row; 9 s follows 9 s."),
        ("test_time,current\n0,1\n9,1\n8,2\n", "test_time must rise from row to row; 8 s follows 9 s."),
    ],
)  # fmt: skip
def test_a_csv_that_is_no_profile_is_refused_with_its_line(csv, complaint):
    assert complaints({"ahead_time": 1}, csv) == {"csv": [complaint]}


def test_a_csv_and_a_constant_contradict_each_other():
    assert complaints({"ahead_time": 5, "current": 1}, WEEK) == {"csv": ["Give a CSV or a constant, not both."]}


def test_spaces_byte_order_marks_and_empty_lines_of_spreadsheets_are_read_over():
    assert columns({"ahead_time": 1}, "\ufefftest_time, current\n0, 1\n\n2, 3\n")["current"] == [1]


def test_a_load_comes_back_from_what_is_kept_of_it():
    load = load_from({"ahead_time": 7200, "resolution": 60}, WEEK)
    assert Load.from_description(load.description(), load.csv) == load
    constant = load_from({"ahead_time": 5, "power": 3})
    assert constant.description() == {"ahead_time": 5.0, "resolution": 1.0, "power": 3.0}
    assert Load.from_description(constant.description()) == constant
