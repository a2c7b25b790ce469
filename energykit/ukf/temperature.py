"""How temperature changes resistance and capacity, row by row."""

from collections.abc import Sequence

import numpy as np

from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import Floats, Places

GAS_CONSTANT = 8.314462618  # J/(mol·K)
ZERO_CELSIUS = 273.15  # K
PLAUSIBLE = (-60.0, 150.0)  # °C; a reading outside comes from a broken sensor and counts as none
LARGEST_R0_FACTOR = 100.0
SMALLEST_CAPACITY_FACTOR = 0.1


class TemperatureDependence:
    """Of a family's batteries; all ones where nothing depends on temperature."""

    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.exists = any(each.needs_temperature for each in parameters)
        self._activation_kelvin = np.array([each.r0_activation_energy_j_mol / GAS_CONSTANT for each in parameters])
        self._capacity_per_kelvin = np.array([each.capacity_per_kelvin for each in parameters])
        self._reference = np.array([each.reference_temperature_c for each in parameters])

    def factors(self, battery: slice | Places, celsius: Floats) -> tuple[Floats, Floats]:
        """Of r0 and of the capacity, for rows of these batteries at these temperatures (NaN: the reference)."""
        reference = self._reference[battery]
        known = (celsius >= PLAUSIBLE[0]) & (celsius <= PLAUSIBLE[1])  # false for NaN
        celsius = np.where(known, celsius, reference)
        inverse_kelvin = 1.0 / (celsius + ZERO_CELSIUS) - 1.0 / (reference + ZERO_CELSIUS)
        r0 = np.minimum(np.exp(self._activation_kelvin[battery] * inverse_kelvin), LARGEST_R0_FACTOR)
        capacity = 1.0 + self._capacity_per_kelvin[battery] * (celsius - reference)
        return r0, np.maximum(capacity, SMALLEST_CAPACITY_FACTOR)
