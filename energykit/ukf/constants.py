"""What the batteries of one family (same states) bring to every step, as arrays and one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from energykit.ukf.ocv_lookup import LookupRoom, PackedTables, lookup_of_one
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import Floats, Places
from energykit.ukf.step import CellConstants
from energykit.ukf.temperature import TemperatureDependence


@dataclass(frozen=True, slots=True)
class ConstantsAbreast:
    """Of several batteries, which stand in the last axis; see CellConstants."""

    states: int
    has_hysteresis: bool  # one that does not fade
    volts_of_fading: Floats  # (fading, batteries)
    process_noise: Floats  # (states, batteries)
    noise_per_second: Floats  # (states, batteries)
    noise_at_rest: Floats  # (fading, batteries)
    sensor_variance: Floats
    inverse_gate: Floats
    tables: PackedTables
    table_starts: Places

    @property
    def fading(self) -> int:
        return len(self.volts_of_fading)

    def voltages_at(self, soc: Floats, room: LookupRoom) -> Floats:
        return self.tables.voltages_at(soc, self.table_starts, room)


class FamilyConstants:
    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.parameters = list(parameters)
        self.layout = parameters[0].layout
        self.states, size = self.layout.states, len(parameters)
        pairs = np.array([each.rc_pairs for each in parameters]).reshape(size, self.layout.pairs, 2)
        self.efficiency = _array(each.coulombic_efficiency for each in parameters)
        rc_ohm = np.ascontiguousarray(pairs[:, :, 0].T)
        fades = slice(None) if self.layout.hysteresis_fades else slice(0)
        seconds = np.array([[each.hysteresis_seconds for each in parameters]])[fades]
        self.volts_of_fading = np.concatenate((rc_ohm, np.ones_like(seconds)))
        self.time_constants = np.concatenate((rc_ohm * pairs[:, :, 1].T, seconds))
        self.process_noise = np.array([each.process_noise for each in parameters]).T
        self.noise_per_second = np.array([each.process_noise_per_second for each in parameters]).T
        self.noise_at_rest = self.noise_per_second[1 : 1 + self.layout.fading] * (0.5 * self.time_constants)
        self.sensor_variance = _array(each.sensor_variance for each in parameters)
        self.inverse_gate = _array(1.0 / each.gate_sigmas if each.gate_sigmas else 0.0 for each in parameters)
        self.temperature = TemperatureDependence(parameters)
        self.tables = PackedTables([each.ocv for each in parameters])
        self._single: dict[int, CellConstants] = {}

    def of(self, batteries: Places) -> ConstantsAbreast:
        """In arrays, one place for each of these batteries."""
        return ConstantsAbreast(
            states=self.states,
            has_hysteresis=self.layout.has_hysteresis and not self.layout.hysteresis_fades,
            volts_of_fading=self.volts_of_fading.take(batteries, axis=1),
            process_noise=self.process_noise.take(batteries, axis=1),
            noise_per_second=self.noise_per_second.take(batteries, axis=1),
            noise_at_rest=self.noise_at_rest.take(batteries, axis=1),
            sensor_variance=self.sensor_variance[batteries],
            inverse_gate=self.inverse_gate[batteries],
            tables=self.tables,
            table_starts=self.tables.starts[batteries],
        )

    def of_one(self, battery: int) -> CellConstants:
        """In plain floats."""
        if battery not in self._single:
            self._single[battery] = CellConstants(
                states=self.states,
                pairs=self.layout.pairs,
                volts_of_fading=self.volts_of_fading[:, battery].tolist(),
                process_noise=self.process_noise[:, battery].tolist(),
                noise_per_second=self.noise_per_second[:, battery].tolist(),
                noise_at_rest=self.noise_at_rest[:, battery].tolist(),
                sensor_variance=float(self.sensor_variance[battery]),
                inverse_gate=float(self.inverse_gate[battery]),
                voltages_at=lookup_of_one(self.parameters[battery].ocv),
            )
        return self._single[battery]


def _array(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
