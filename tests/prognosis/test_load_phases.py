"""Loads in phases, repeated, with temperature; each fault is told at the path of its field."""

import numpy as np
import pytest

from prognosis.errors import LoadRefused
from prognosis.forecasting.layout import load_columns
from prognosis.forecasting.load import Load, load_from

HOUR, DAY = 3600.0, 86_400.0
# Half a day at 1 A, half at -2 A.
SHIFTS = {"test_time": [0, DAY / 2], "current": [1.0, -2.0]}


def columns(values, **more):
    return {name: column.tolist() for name, column in load_columns(load_from(values, strict=True), **more).items()}


def test_a_profile_is_repeated_each_day_and_charge_is_kept_at_every_step():
    load = {"ahead_time": 3 * DAY, "profile": SHIFTS, "repeat": "day"}
    assert columns({**load, "resolution": DAY / 2})["current"] == [1, -2, 1, -2, 1, -2]
    assert columns({**load, "resolution": DAY})["current"] == pytest.approx([-0.5] * 3)
    # 1.5 days hold twelve hours more of +1 A: (1 - 2 + 1) / 3 and (-2 + 1 - 2) / 3.
    assert columns({**load, "resolution": 1.5 * DAY})["current"] == pytest.approx([0.0, -1.0])


def test_phases_follow_each_other_and_a_step_in_two_has_the_mean_of_both():
    phases = [{"duration": 1.5 * HOUR, "current": 2.0, "temperature": 10}, {"current": -1.0, "temperature": 30}]
    found = columns({"ahead_time": 3 * HOUR, "resolution": HOUR, "phases": phases})
    assert found == {
        "test_time": [0, HOUR, 2 * HOUR],
        "current": pytest.approx([2.0, 0.5, -1.0]),
        "temperature": pytest.approx([10, 20, 30]),
    }


def test_a_phase_that_ends_within_the_last_step_is_not_stretched_over_it():
    phases = [{"duration": 9 * DAY, "current": 1.0}, {"duration": DAY, "current": 0.0}]
    found = columns({"ahead_time": 10 * DAY, "resolution": DAY, "phases": phases})["current"]
    assert found == pytest.approx([1.0] * 9 + [0.0])
    phases = [{"duration": 9.5 * DAY, "current": 1.0}, {"duration": DAY / 2, "current": 0.0}]
    found = columns({"ahead_time": 10 * DAY, "resolution": DAY, "phases": phases})["current"]
    assert found == pytest.approx([1.0] * 9 + [0.5])


def test_phases_that_all_have_an_end_say_how_far_ahead():
    phases = [{"duration": 60, "power": 5}, {"duration": 30, "power": -5}]
    assert load_from({"phases": phases}, resolution=None).ahead_time == 90


def test_a_sum_of_durations_may_be_off_by_rounding():
    # In floats 0.1 + 0.3 - 0.1 is a little above 0.3, where the profile of the second phase ends.
    short = {"test_time": [0.0, 0.15], "current": [3.0, 3.0]}
    phases = [{"duration": 0.1, "current": 1.0}, *({"duration": 0.3, "profile": short} for _ in range(2))]
    found = columns({"ahead_time": 0.7, "resolution": 0.35, "phases": phases})
    assert found["current"] == pytest.approx([(0.1 + 0.25 * 3) / 0.35, 3.0])
    # 0.7 + 0.1 is a little below 0.8.
    phases = [{"duration": 0.7, "current": 1.0}, {"duration": 0.1, "current": 2.0}]
    found = columns({"ahead_time": 0.8, "resolution": 0.4, "phases": phases})
    assert found["current"] == pytest.approx([1.0, (0.3 + 0.1 * 2) / 0.4])


def test_a_time_too_short_to_be_divided_is_refused():
    for resolution in (None, 1.0):
        with pytest.raises(LoadRefused) as refused:
            load_from({"ahead_time": 1e-323}, resolution=resolution)
        assert list(refused.value.fields) == ["ahead_time"]


def test_the_rows_of_all_phases_together_are_bounded():
    half = "test_time,current\n" + "".join(f"{second},1\n" for second in range(5_000))
    phases = [{"duration": 9, "csv": half}, {"duration": 9, "csv": half}]
    assert load_from({"phases": phases}, resolution=None).ahead_time == 18
    one_row = {"duration": 9, "csv": "test_time,current\n0,1\n"}
    with pytest.raises(LoadRefused) as refused:
        load_from({"phases": [*phases, one_row, {"never": "read"}]}, resolution=None)
    assert list(refused.value.fields) == ["phases[2]"]


def test_a_temperature_of_a_day_is_repeated_and_can_be_shifted():
    warmth = {"test_time": [0, DAY / 2], "temperature": [10, 20]}
    load = {"ahead_time": 2 * DAY, "resolution": DAY / 2, "current": 0, "temperature": warmth, "temperature_offset": -5}
    assert columns(load)["temperature"] == [5, 15, 5, 15]


def test_a_cap_moves_charge_to_later():
    profile = {"test_time": [0, HOUR, 3 * HOUR], "current": [4.0, 0.0, -2.0]}
    load = {"ahead_time": 4 * HOUR, "resolution": HOUR, "profile": profile, "repeat": 4 * HOUR, "max_c_rate": 1.0}
    assert columns(load, capacity_ah=2.0)["current"] == pytest.approx([2, 1, 1, -2])


def test_what_a_cap_leaves_over_at_the_end_of_a_load_that_is_not_repeated_comes_nowhere():
    profile = {"test_time": [0, HOUR, 2 * HOUR], "current": [0.0, 0.0, 4.0]}
    load = {"ahead_time": 3 * HOUR, "resolution": HOUR, "profile": profile, "max_c_rate": 1.0}
    assert columns(load, capacity_ah=2.0)["current"] == pytest.approx([0, 0, 2])


def test_a_load_with_phases_comes_back_from_what_is_kept_of_it():
    phases = [
        {"duration": DAY, "profile": SHIFTS, "repeat": "day"},
        {"dataset": {"battery": "other", "start": 0.0}, "temperature_offset": -10.0, "max_c_rate": 0.5},
    ]
    load = load_from({"ahead_time": 2 * DAY, "resolution": HOUR, "phases": phases})
    assert Load.from_description(load.description()) == load


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"phases": []}, ["phases"]),
        ({"phases": [{"curent": 1}]}, ["phases[0].curent", "ahead_time"]),
        ({"phases": [{"duration": 5, "current": 1}, 7]}, ["phases[1]"]),
        ({"phases": [{"current": 1}, {"duration": 5, "current": 1}]}, ["phases[0].duration"]),
        ({"phases": [{"duration": 5, "current": 1}, {"power": 1}]}, ["phases[1]"]),
        ({"phases": [{"duration": 4, "current": 1}]}, ["phases"]),
        ({"phases": [{"duration": 9, "profile": SHIFTS, "current": 1}]}, ["phases[0].profile"]),
        ({"current": 1, "phases": [{"current": 1}]}, ["phases"]),
        ({"current": 1, "last_days": 7}, ["last_days"]),
        ({"profile": SHIFTS, "repeat": "month"}, ["repeat"]),
        ({"profile": SHIFTS, "repeat": 60}, ["repeat"]),
        ({"dataset": {"start": 3}}, ["dataset.battery"]),
        ({"dataset": {"battery": "b", "start": 3, "end": 2}}, ["dataset.end"]),
        ({"current": 1, "temperature": 999}, ["temperature"]),
        ({"power": 1, "max_c_rate": 1}, ["max_c_rate"]),
        ({"resolution": 10}, ["resolution"]),
    ],
)
def test_a_fault_stands_at_the_path_of_its_field(values, fields):
    with pytest.raises(LoadRefused) as refused:
        load_from({"ahead_time": 5, **values}, strict=True)
    assert [name for name in refused.value.fields if name != "ahead_time"] == [f for f in fields if f != "ahead_time"]


def test_steps_are_chosen_where_none_is_given():
    assert load_from({"ahead_time": 3652.5 * DAY}, resolution=None).resolution == 30 * DAY
    assert np.isclose(load_from({"ahead_time": 60}, resolution=None).resolution, 0.5)
