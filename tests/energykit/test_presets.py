"""Presets are cells that the filter takes as they are."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from energykit.presets import PRESETS
from energykit.ukf import JointFilterParameters


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_makes_a_filter_with_one_rc_pair(key):
    parameters = JointFilterParameters.from_mapping(PRESETS[key].parameters())

    assert parameters.state_names == ("soc", "i_rc", "hyst", "q_t.base_values", "r0.base_values")
    assert parameters.capacity_ah == 2.5
    assert PRESETS[key].key == key


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_stays_within_its_own_voltage_limits(key):
    preset = PRESETS[key]

    assert preset.lowest_voltage < preset.ocv_voltage[0] < preset.ocv_voltage[-1] <= preset.highest_voltage


def test_a_larger_cell_has_smaller_resistances_and_the_same_time_constant():
    small, large = PRESETS["nmc"].parameters(2.5), PRESETS["nmc"].parameters(50.0)

    assert large["r0_ohm"] == pytest.approx(small["r0_ohm"] / 20)
    assert large["rc_pairs"][0]["ohm"] * large["rc_pairs"][0]["farad"] == pytest.approx(40.0)
    assert small["rc_pairs"][0]["ohm"] * small["rc_pairs"][0]["farad"] == pytest.approx(40.0)


def test_the_curve_of_every_preset_rises_with_soc():
    for preset in PRESETS.values():
        curve = JointFilterParameters.from_mapping(preset.parameters()).ocv
        voltages = [curve.voltage_at(each / 500) for each in range(-50, 551)]
        assert curve.is_cubic
        assert all(right > left for left, right in pairwise(voltages)), preset.key


def test_the_example_of_the_how_to_runs_and_the_filter_agrees_with_the_cell():
    page = Path(__file__).parents[2] / "docs" / "how-to" / "choose-an-estimator.md"
    [example] = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}

    exec(example, names)

    assert names["parameters"].state_names == ("soc", "i_rc", "q_t.base_values", "r0.base_values")
    assert names["parameters"].gate_sigmas == 4.0
    assert np.nanmean(names["result"].nis) == pytest.approx(1.0, abs=0.1)
