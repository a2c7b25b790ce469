"""Presets are cells that the filter takes as they are."""

from itertools import pairwise

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
        voltage = preset.parameters()["ocv_voltage"]
        assert all(right > left for left, right in pairwise(voltage)), preset.key
