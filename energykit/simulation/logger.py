"""What a logger with ordinary sensors writes down, and the truth beside it."""

import numpy as np
from numpy.typing import NDArray

from energykit.simulation.circuit import Circuit

VOLTAGE_STD = 2e-3
CURRENT_GAIN_STD = 1e-3  # of the reading; a current of zero reads zero
CELSIUS_STD = 0.1
COLUMNS = (
    "test_time",  # s
    "current",  # A, positive while charging
    "voltage",  # V
    "temperature",  # °C
    "cycle_number",
    "true_soc",  # 0 to 1
    "true_capacity",  # Ah
    "true_r0",  # Ω
)


class Logger:
    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._rows: list[tuple[float, ...]] = []

    def log(self, time: float, cycle: int, circuit: Circuit) -> None:
        voltage, gain, celsius = self._chance.standard_normal(3).tolist()
        self._rows.append(
            (
                time,
                circuit.current * (1.0 + CURRENT_GAIN_STD * gain),
                circuit.voltage + VOLTAGE_STD * voltage,
                circuit.celsius + CELSIUS_STD * celsius,
                cycle,
                circuit.soc,
                circuit.capacity_ah,
                circuit.r0_ohm,
            )
        )

    def take(self) -> dict[str, NDArray[np.float64]]:
        """The rows since the last time, by column; `cycle_number` counts from 1 and is whole."""
        table = np.array(self._rows, dtype=np.float64).reshape(len(self._rows), len(COLUMNS))
        self._rows = []
        columns: dict[str, NDArray] = {name: table[:, place].copy() for place, name in enumerate(COLUMNS)}
        columns["cycle_number"] = columns["cycle_number"].astype(np.int64)
        return columns
