"""OCV tables: straight or smooth between their knots, straight beyond them."""

import doctest
from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from energykit import ocv
from energykit.errors import InvalidParameters
from energykit.ocv import OcvTable

TABLE = OcvTable(soc=(0.0, 0.2, 0.6, 1.0), voltage=(3.0, 3.4, 3.6, 4.2))


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(ocv).failed == 0


@pytest.mark.parametrize(
    ("soc", "voltage"),
    [
        (0.1, 3.2),
        (0.2, 3.4),
        (0.4, 3.5),
        (0.8, 3.9),
        (1.1, 4.35),  # 1.5 V per unit beyond the last knot, as before it
        (-0.1, 2.8),  # 2.0 V per unit below the first
    ],
)
def test_voltage_is_linear_between_knots_and_beyond_the_ends(soc, voltage):
    assert TABLE.voltage_at(soc) == pytest.approx(voltage, abs=1e-12)


@pytest.mark.parametrize(("voltage", "soc"), [(3.2, 0.1), (3.5, 0.4), (4.2, 1.0), (5.0, 1.0), (2.0, 0.0)])
def test_soc_of_a_voltage_is_the_inverse_clamped_to_full_and_empty(voltage, soc):
    assert TABLE.soc_at(voltage) == pytest.approx(soc, abs=1e-12)


@pytest.mark.parametrize(
    ("soc", "voltage", "field"),
    [
        ((0.0,), (3.0,), "ocv_soc"),
        ((0.0, 0.5, 0.5, 1.0), (3.0, 3.5, 3.6, 4.2), "ocv_soc"),
        ((0.0, 50.0, 100.0), (3.0, 3.6, 4.2), "ocv_soc"),
        ((0.0, 0.5, 1.0), (3.0, 4.2), "ocv_voltage"),
        ((0.0, 0.5, 1.0), (4.2, 3.6, 3.0), "ocv_voltage"),
    ],
)
def test_a_table_that_is_no_table_is_refused_by_field(soc, voltage, field):
    with pytest.raises(InvalidParameters) as refused:
        OcvTable(soc=soc, voltage=voltage)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("seed", range(6))
def test_a_cubic_table_is_scipys_pchip_between_its_knots_and_straight_beyond(seed):
    chance = np.random.default_rng(seed)
    soc = np.cumsum(chance.uniform(0.02, 0.2, 2 + seed))
    voltage = 3.0 + np.cumsum(chance.choice([0.0, 0.001, 0.1, 0.4, -0.05], len(soc)))
    voltage[-1] = voltage.max() + 0.1
    table = OcvTable(tuple(soc), tuple(voltage), "cubic")
    scipys = PchipInterpolator(soc, voltage)

    inside = np.linspace(soc[0], soc[-1], 400)
    assert [table.voltage_at(each) for each in inside] == pytest.approx(scipys(inside), abs=1e-12)
    for end, away in ((soc[0], -0.3), (soc[-1], 0.3)):
        expected = scipys(end) + away * scipys.derivative()(end)
        assert table.voltage_at(end + away) == pytest.approx(expected, abs=1e-12)


def test_a_cubic_table_rises_wherever_its_knots_rise():
    table = OcvTable((0.0, 0.02, 0.1, 0.5, 0.9, 1.0), (2.5, 3.0, 3.2, 3.29, 3.3, 3.5), "cubic")

    voltages = [table.voltage_at(each / 1000) for each in range(-100, 1101)]

    assert all(right > left for left, right in pairwise(voltages))


@pytest.mark.parametrize("soc", [0.0, 0.05, 0.2, 0.47, 0.81, 1.0])
def test_soc_of_a_cubic_tables_voltage_is_its_inverse(soc):
    table = OcvTable(TABLE.soc, TABLE.voltage, "cubic")

    assert table.soc_at(table.voltage_at(soc)) == pytest.approx(soc, abs=1e-12)
    assert (table.soc_at(9.0), table.soc_at(1.0)) == (1.0, 0.0)


def test_the_slope_at_a_knee_is_that_of_fritsch_and_butland():
    # Secants 1 and 2 over equal widths meet in the harmonic mean 2·1·2/(1+2) = 4/3. The ends' parabola has slopes
    # (3·1 - 2)/2 = 1/2 and (3·2 - 1)/2 = 5/2. By Hermite the middle of the first segment is 0.5 + (1/2 - 4/3)/8.
    table = OcvTable((0.0, 1.0, 2.0), (0.0, 1.0, 3.0), "cubic")

    assert [segment.slope for segment in table.segments] == pytest.approx([0.5, 0.5, 4 / 3, 2.5], abs=1e-15)
    assert table.voltage_at(0.5) == pytest.approx(0.5 + (0.5 - 4 / 3) / 8, abs=1e-15)


def test_a_table_joined_in_another_way_is_refused():
    with pytest.raises(InvalidParameters) as refused:
        OcvTable(TABLE.soc, TABLE.voltage, "spline")
    assert refused.value.fields == {"ocv_interpolation": "This must be one of linear, cubic."}
