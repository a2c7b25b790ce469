"""OCV of many batteries at once has the bits of one looked up alone, wherever the SOC is."""

import numpy as np
import pytest

from energykit.ocv import OcvTable
from energykit.ukf.ocv_lookup import LookupRoom, PackedTables

FEW_KNOTS = (0.0, 0.1, 0.5, 0.9, 1.0)
CROWDED = (-0.02, 0.0, 1e-4, 2e-4, 3e-4, 0.015625, 0.5, 0.5 + 1e-12, 0.999, 0.9999, 1.0, 1.03)
MANY_KNOTS = tuple(np.linspace(0, 1, 101).tolist())


def table(soc, interpolation="linear"):
    return OcvTable(soc, tuple(3.0 + 1.2 * place / len(soc) for place in range(len(soc))), interpolation)


def looked_up(tables, asked):
    packed = PackedTables(tables)
    return packed.voltages_at(asked, packed.starts, LookupRoom(asked.shape))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("others", [(), (CROWDED,), (MANY_KNOTS, CROWDED)])
@pytest.mark.parametrize("knots", [FEW_KNOTS, CROWDED, MANY_KNOTS])
def test_a_table_among_others_gives_what_it_gives_alone(knots, others, interpolation):
    """On every knot, beside it by one float, in between, and as far out as a filter that has lost its way may ask."""
    on = np.array(knots)
    beside = (np.nextafter(on, -np.inf), np.nextafter(on, np.inf))
    between, far = np.random.default_rng(1).uniform(-1.5, 2.5, 200), [-0.0, -1e300, 1e300, 5.0, -5.0, 2.0**63]
    asked = np.concatenate([on, *beside, between, far])
    tables = [table(each, interpolation) for each in (*others, knots)]

    found = looked_up(tables, np.repeat(asked[:, None], len(tables), axis=1))[:, -1]

    assert found.tolist() == [tables[-1].voltage_at(each) for each in asked.tolist()]


def test_what_is_no_number_stays_none():
    with np.errstate(invalid="ignore"):  # as while batteries are stepped
        found = looked_up([table(FEW_KNOTS), table(CROWDED)], np.array([[np.nan, np.nan], [0.5, 0.5]]))

    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [table(each).voltage_at(0.5) for each in (FEW_KNOTS, CROWDED)]
