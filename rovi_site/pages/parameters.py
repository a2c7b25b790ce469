"""The parameters of a built-in filter in words; its OCV table is a plot instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TITLES = {
    "capacity_ah": ("Capacity", "Ah"),
    "r0_ohm": ("R0", "Ω"),
    "rc_pairs": ("RC pairs", ""),
    "has_hysteresis": ("Hysteresis", ""),
    "hysteresis_seconds": ("Time within which hysteresis fades", "s; 0 is never"),
    "coulombic_efficiency": ("Coulombic efficiency", ""),
    "ocv_interpolation": ("OCV between the knots", ""),
    "initial_soc": ("SOC to begin with", ""),
    "initial_rc_currents_a": ("RC currents to begin with", "A"),
    "initial_hysteresis_v": ("Hysteresis to begin with", "V"),
    "initial_covariance": ("Covariance to begin with", "its diagonal"),
    "process_noise_per_second": ("Process noise a second", "variances"),
    "process_noise": ("Process noise a row", "variances"),
    "sensor_variance": ("Variance of the voltage", "V²"),
    "gate_sigmas": ("Gate against outliers", "σ; 0 is none"),
    "r0_activation_energy_j_mol": ("Activation energy of R0", "J/mol"),
    "capacity_per_kelvin": ("Change of capacity with temperature", "1/K"),
    "reference_temperature_c": ("Reference temperature", "°C"),
}
DRAWN = ("ocv_soc", "ocv_voltage")
UNITS = {"ohm": "Ω", "farad": "F"}


def parameters_in_words(parameters: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(title, value, unit) of what the plot does not show.

    >>> parameters_in_words({"capacity_ah": 2.5, "rc_pairs": [{"ohm": 0.012, "farad": 5000.0}], "ocv_soc": [0, 1]})
    [('Capacity', '2.5', 'Ah'), ('RC pairs', '0.012 Ω and 5000 F', '')]
    """
    return [_titled(name, value) for name, value in parameters.items() if name not in DRAWN and value is not None]


def _titled(name: str, value: Any) -> tuple[str, str, str]:
    title, unit = TITLES.get(name, (name.replace("_", " "), ""))
    if name == "initial_covariance":
        value = [row[place] for place, row in enumerate(value)]
    return title, _in_words(value), unit


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " and ".join(f"{_in_words(each)} {UNITS.get(name, name)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_in_words(each) for each in value) or "none"
    return f"{value:.4g}".replace("-", "−") if isinstance(value, int | float) else str(value)
