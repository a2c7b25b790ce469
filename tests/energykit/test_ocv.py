"""OCV tables: linear between and beyond their knots, and smooth ones made of coarse ones."""

import doctest
from itertools import pairwise

import pytest

from energykit import ocv
from energykit.errors import InvalidParameters
from energykit.ocv import OcvTable, smoothed

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


def test_a_smoothed_table_keeps_its_knots_and_rises_wherever_they_rise():
    soc, voltage = smoothed(TABLE.soc, TABLE.voltage, parts=4)

    assert len(soc) == 13
    assert soc[::4] == TABLE.soc
    assert voltage[::4] == TABLE.voltage
    assert all(right > left for left, right in pairwise(voltage))


def test_smoothing_a_straight_line_gives_points_on_it():
    soc, voltage = smoothed((0.0, 0.3, 1.0), (3.0, 3.3, 4.0), parts=2)

    assert soc == (0.0, 0.15, 0.3, 0.65, 1.0)
    assert voltage == pytest.approx((3.0, 3.15, 3.3, 3.65, 4.0), abs=1e-12)


def test_smoothing_takes_the_slope_of_fritsch_and_butland_at_a_knee():
    # Secants 1 and 2 over equal widths meet in the harmonic mean 2·1·2/(1+2) = 4/3; by Hermite, with end slopes 1 and
    # 4/3, the middle of the first segment (width 1) is y = 0.5 + (1 - 4/3)/8 = 0.458333.
    _, voltage = smoothed((0.0, 1.0, 2.0), (0.0, 1.0, 3.0), parts=2)

    assert voltage[1] == pytest.approx(0.458333, abs=1e-6)
