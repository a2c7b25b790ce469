"""Published semi-empirical equations of capacity fade, one for each chemistry.

All have one shape. Under constant conditions calendar loss is k_t · days^p and cycle loss is k_n · EFC^q, as shares of
the new capacity. The factors k depend on what the cell goes through, the exponents do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
GAS_CONSTANT = 8.314462618
KELVIN = 273.15
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class AgeingModel:
    """A published fade model.

    calendar_rate: from SOC (0..1) and temperature (°C) to k_t, share lost per day^calendar_exponent.
    cycle_rate: from depth and mean SOC (0..1), C-rate (1/h) and temperature (°C) to k_n, share per EFC^cycle_exponent.
    knee_efc: from depth, mean SOC and temperature to the equivalent full cycles that exhaust the electrode, or None;
        of the capacity then at most 1.01 − tanh((EFC / knee_efc)^10 / 2) is left.
    limits: within which conditions it was measured, in words.
    """

    key: str
    title: str
    citation: str
    limits: str
    calendar_exponent: float
    calendar_rate: Callable[[Column, Column], Column]
    cycle_exponent: float
    cycle_rate: Callable[[Column, Column, Column, Column], Column]
    knee_efc: Callable[[Column, Column, Column], Column] | None = None


KNEE_SHAPE = 10.0
KNEE_RESERVE = 1.01


def graphite_potential(soc: Column) -> Column:
    """V against lithium, of a graphite electrode at this SOC of the cell (0..1).

    Curve: Safari and Delacourt, J. Electrochem. Soc. 158 (2011) A562, https://doi.org/10.1149/1.3567007; its
    stoichiometry from 0.0085 (empty) to 0.78 (full): Schimpe et al., J. Electrochem. Soc. 165 (2018) A181,
    https://doi.org/10.1149/2.1181714jes.
    """
    x = 0.0085 + soc * (0.78 - 0.0085)
    steps = 0.044 * np.tanh((0.1958 - x) / 0.1088) - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
    more_steps = 0.6875 * np.tanh((x + 0.0117) / 0.0529) + 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    return 0.6379 + 0.5416 * np.exp(-305.5309 * x) + steps - more_steps


def lfp_calendar_rate(soc: Column, celsius: Column) -> Column:
    """Naumann et al. 2018: loss = k_T · k_SOC · √seconds, k_T = 1.2571e-5 · exp(−17126/R · (1/T − 1/298.15)),
    k_SOC = 2.8575 · (SOC − 0.5)³ + 0.60225.
    """
    heat = 1.2571e-5 * np.exp(-17_126.0 / GAS_CONSTANT * (1.0 / (celsius + KELVIN) - 1.0 / 298.15))
    return np.sqrt(SECONDS_PER_DAY) * heat * (2.8575 * (soc - 0.5) ** 3 + 0.60225)


def lfp_cycle_rate(depth: Column, mean_soc: Column, c_rate: Column, celsius: Column) -> Column:
    """Naumann et al. 2020: loss in % = (0.0630 · C + 0.0971) · (4.0253 · (DOD − 0.6)³ + 1.0923) · √EFC."""
    return (0.0630 * c_rate + 0.0971) * (4.0253 * (depth - 0.6) ** 3 + 1.0923) / 100.0


def nmc_calendar_rate(soc: Column, celsius: Column) -> Column:
    """Loss = q1 · days^0.357, q1 = 2.66e7 · exp(−17.8/t) · exp(−5.21 · u/t), t = T/308.15 K, u = U_graphite/0.123 V."""
    warmth = (celsius + KELVIN) / 308.15
    return 2.66e7 * np.exp((-17.8 - 5.21 * graphite_potential(soc) / 0.123) / warmth)


def nmc_cycle_rate(depth: Column, mean_soc: Column, c_rate: Column, celsius: Column) -> Column:
    """Loss = q3 · EFC^0.778, q3 = 3.80e3 · exp(−18.4/t) · exp(1.04 · exp(DOD²)), t = T/308.15 K."""
    warmth = (celsius + KELVIN) / 308.15
    return 3.80e3 * np.exp(-18.4 / warmth + 1.04 * np.exp(depth**2))


def nmc_knee_efc(depth: Column, mean_soc: Column, celsius: Column) -> Column:
    """q5 = 1e4 + 153 · (°C − 55) · DOD · SOC/0.6; in deep cold it falls below 0 as published, here not below 1,000."""
    return np.maximum(1e4 + 153.0 * (celsius - 55.0) * depth * mean_soc / 0.6, 1_000.0)


def nca_calendar_rate(soc: Column, celsius: Column) -> Column:
    """Loss = 75.4 · exp(−3340/T) · exp(353 · SOC/T) · days^0.512."""
    return 75.4 * np.exp((-3_340.0 + 353.0 * soc) / (celsius + KELVIN))


def nca_cycle_rate(depth: Column, mean_soc: Column, c_rate: Column, celsius: Column) -> Column:
    """Loss = (1.86e-6 + 4.74e-11 · C + 1.77e-4 · DOD) · (exp(3.34e-11/T) + exp(−2.81e-9/T)) · EFC^0.699.

    Both exponentials are 1 at any temperature: the measurements showed no dependence of cycle fade on it.
    """
    kelvin = celsius + KELVIN
    return (1.86e-6 + 4.74e-11 * c_rate + 1.77e-4 * depth) * (np.exp(3.34e-11 / kelvin) + np.exp(-2.81e-9 / kelvin))


PRESETS: Mapping[str, AgeingModel] = {
    model.key: model
    for model in (
        AgeingModel(
            key="lfp",
            title="LFP / graphite (Sony-Murata 26650, 3 Ah)",
            citation=(
                "Calendar: Naumann et al., J. Energy Storage 17 (2018) 153, https://doi.org/10.1016/j.est.2018.01.019; "
                "cycle: Naumann et al., J. Power Sources 451 (2020) 227666, "
                "https://doi.org/10.1016/j.jpowsour.2019.227666"
            ),
            limits=(
                "Stored at 0 to 60 °C; cycled at 25 and 40 °C, up to 1C in and 2C out: "
                "its cycle fade does not know temperature."
            ),
            calendar_exponent=0.5,
            calendar_rate=lfp_calendar_rate,
            cycle_exponent=0.5,
            cycle_rate=lfp_cycle_rate,
        ),
        AgeingModel(
            key="nmc",
            title="NMC / graphite (Kokam pouch, 75 Ah)",
            citation=(
                "Smith et al., American Control Conference (2017) 4062, https://doi.org/10.23919/ACC.2017.7963578 "
                "(measurements); equations and parameters of NREL's re-identification as published with BLAST-Lite, "
                "model Nmc111_Gr_Kokam75Ah"
            ),
            limits="Stored and cycled at 0 to 55 °C, 80 to 100 % deep, at 1C: its cycle fade does not know the C-rate.",
            calendar_exponent=0.357,
            calendar_rate=nmc_calendar_rate,
            cycle_exponent=0.778,
            cycle_rate=nmc_cycle_rate,
            knee_efc=nmc_knee_efc,
        ),
        AgeingModel(
            key="nca",
            title="NCA / graphite (Panasonic NCR18650B, 3.2 Ah)",
            citation=(
                "Measurements: Keil et al., J. Electrochem. Soc. 163 (2016) A1872, "
                "https://doi.org/10.1149/2.0411609jes "
                "(calendar) and Preger et al., J. Electrochem. Soc. 167 (2020) 120532, "
                "https://doi.org/10.1149/1945-7111/abae37 (cycle); equations and parameters of NREL as published with "
                "BLAST-Lite, model Nca_Gr_Panasonic3Ah"
            ),
            limits="Stored at 25 to 50 °C for 300 days; cycled at 15 to 35 °C, up to C/2 in and 2C out; no knee.",
            calendar_exponent=0.512,
            calendar_rate=nca_calendar_rate,
            cycle_exponent=0.699,
            cycle_rate=nca_cycle_rate,
        ),
    )
}
