"""The published equations, against hand calculations and against NREL's own implementation of two of them."""

import numpy as np
import pytest

from energykit.prognosis.chemistry import PRESETS, graphite_potential
from energykit.prognosis.scaling import PRIOR_MEAN, CellModel


def published_soh(preset: str, celsius: float, soc: float, depth: float, c_rate: float, efc: float, days: float):
    """SOH under constant conditions, through the sums that the forecasts use."""
    model = PRESETS[preset]
    one = np.ones(1)
    calendar = model.calendar_rate(soc * one, celsius * one) ** (1 / model.calendar_exponent) * days
    cyclic = model.cycle_rate(depth * one, soc * one, c_rate * one, celsius * one) ** (1 / model.cycle_exponent) * efc
    knee = efc / model.knee_efc(depth * one, soc * one, celsius * one) if model.knee_efc else 0 * one
    sums = np.array([calendar, cyclic, knee, efc * one, calendar, cyclic])
    return float(CellModel(model, np.zeros(6), sums[:, 0] + 1e-9).soh(PRIOR_MEAN, sums)[0])


def test_lfp_stored_for_a_year_at_25_degrees_and_half_full():
    """Naumann et al. 2018: 1.2571e-5 · 0.60225 · √31,536,000 s = 0.0425158."""
    assert published_soh("lfp", 25, 0.5, 0, 0, 0, 365) == pytest.approx(1 - 0.0425158, abs=1e-7)


def test_lfp_stored_full_at_45_degrees():
    """k_T = 1.2571e-5 · exp(−17126/8.314463 · (1/318.15 − 1/298.15)) =
    1.940805e-5, k_SOC = 2.8575/8 + 0.60225 = 0.9594375, √8,640,000 s = 2939.388."""
    assert published_soh("lfp", 45, 1.0, 0, 0, 0, 100) == pytest.approx(
        1 - 1.940805e-5 * 0.9594375 * 2939.388, abs=1e-7
    )


def test_lfp_cycled_a_thousand_times():
    """Naumann et al. 2020: (0.0630 · 1 + 0.0971) · (4.0253 · 0.2³ + 1.0923) · √1000 % = 5.693138 %."""
    cycled = published_soh("lfp", 25, 0.5, 0.8, 1.0, 1000, 0)
    assert cycled == pytest.approx(1 - 0.05693138, abs=1e-8)


# BLAST-Lite 1.1.1 (NREL, PyPI), models Nmc111_Gr_Kokam75Ah_Battery and Nca_Gr_Panasonic3Ah_Battery, states stepped
# under constant stressors in tenths of a day: relative capacity after 365 and 1,825 days. It takes Euler steps along
# its states, so its figures are to some 0.2 % of the loss.
@pytest.mark.parametrize(
    ("preset", "celsius", "soc", "depth", "c_rate", "efc_a_day", "after_one", "after_five"),
    [
        ("nmc", 25, 0.5, 0.0, 0.0, 0.0, 0.9898684307000266, 0.9820063286232704),
        ("nmc", 40, 0.9, 0.0, 0.0, 0.0, 0.8630981412860366, 0.7568622408209742),
        ("nmc", 25, 0.5, 0.8, 0.25, 1.0, 0.9750476229583217, 0.9301735353367382),
        ("nmc", 10, 0.7, 0.4, 0.5, 2.0, 0.9899117028119359, 0.9745520196563208),
        ("nca", 25, 0.5, 0.0, 0.0, 0.0, 0.9618635623051675, 0.9130806668822039),
        ("nca", 40, 0.9, 0.0, 0.0, 0.0, 0.9004842563151338, 0.7731869414488564),
        ("nca", 25, 0.5, 0.8, 0.25, 1.0, 0.9441253731720968, 0.858453487504056),
        ("nca", 35, 0.5, 1.0, 1.0, 4.0, 0.88790634107096, 0.6978671163272038),
    ],
)
def test_capacity_under_constant_conditions_is_that_of_blast_lite(
    preset, celsius, soc, depth, c_rate, efc_a_day, after_one, after_five
):
    for days, expected in ((365, after_one), (1825, after_five)):
        found = published_soh(preset, celsius, soc, depth, c_rate, efc_a_day * days, days)
        assert 1 - found == pytest.approx(1 - expected, rel=3e-3)


def test_nmc_runs_over_its_knee_when_the_electrode_is_used_up():
    """At 35 °C and fully deep it stands at 1e4 − 153 · 20 · 0.5/0.6 = 7,450 EFC: 1.01 − tanh((8500/7450)^10 / 2)."""
    assert published_soh("nmc", 35, 0.5, 1.0, 1.0, 8500, 1825) == pytest.approx(0.0565016119, abs=1e-9)


def test_potential_of_graphite_is_that_of_blast_lite():
    """Its _get_Ua at SOC 0, 0.5 and 1."""
    assert graphite_potential(np.array([0.0, 0.5, 1.0])) == pytest.approx(
        [0.68435406, 0.12330368, 0.08638231], abs=1e-8
    )
