"""What the batteries of one family (same states) bring to every step, as arrays and one by one."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from energykit.ukf.covariance import Value
from energykit.ukf.ocv_lookup import PackedTables, lookup_of_one
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import Floats, Places
from energykit.ukf.step import CellConstants
from energykit.ukf.temperature import TemperatureDependence

MOST_RECENT = 8  # groups of batteries whose constants are kept gathered


class FamilyConstants:
    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.parameters = list(parameters)
        self.layout = parameters[0].layout
        self.states, pairs = self.layout.states, self.layout.pairs
        self.efficiency = _array(each.coulombic_efficiency for each in parameters)
        self.rc_ohm = [_array(each.rc_pairs[pair][0] for each in parameters) for pair in range(pairs)]
        self.time_constants = [
            self.rc_ohm[pair] * _array(each.rc_pairs[pair][1] for each in parameters) for pair in range(pairs)
        ]
        self.process_noise = [_array(each.process_noise[state] for each in parameters) for state in range(self.states)]
        self.noise_per_second = [
            _array(each.process_noise_per_second[state] for each in parameters) for state in range(self.states)
        ]
        self.noise_at_rest = [
            self.noise_per_second[1 + pair] * (0.5 * seconds) for pair, seconds in enumerate(self.time_constants)
        ]
        self.sensor_variance = _array(each.sensor_variance for each in parameters)
        self.inverse_gate = _array(1.0 / each.gate_sigmas if each.gate_sigmas else 0.0 for each in parameters)
        self.temperature = TemperatureDependence(parameters)
        self.tables = PackedTables([each.ocv for each in parameters])
        self._single: dict[int, CellConstants] = {}
        self._recent: dict[int, tuple[Places, CellConstants]] = {}

    def of(self, batteries: Places) -> CellConstants:
        """In arrays, one place for each of these batteries; live fleets ask for the same ones again and again."""
        first = int(batteries[0])
        if first not in self._recent or not np.array_equal(self._recent[first][0], batteries):
            lookup = self.tables.lookup_of(batteries)
            found = self._picked(lambda values: values[batteries], lookup, np.sqrt, np.maximum)
            if len(self._recent) == MOST_RECENT:
                self._recent.clear()
            self._recent[first] = batteries.copy(), found
        return self._recent[first][1]

    def of_one(self, battery: int) -> CellConstants:
        """In plain floats."""
        if battery not in self._single:
            lookup = lookup_of_one(self.parameters[battery].ocv)
            self._single[battery] = self._picked(lambda values: float(values[battery]), lookup, math.sqrt, _larger)
        return self._single[battery]

    def _picked(
        self,
        pick: Callable[[Floats], Value],
        voltages_at: Callable[[Sequence[Value]], Sequence[Value]],
        sqrt: Callable[[Value], Value],
        larger: Callable[[Value, Value], Value],
    ) -> CellConstants:
        return CellConstants(
            states=self.states,
            rc_ohm=[pick(each) for each in self.rc_ohm],
            process_noise=[pick(each) for each in self.process_noise],
            noise_per_second=[pick(each) if each.any() else None for each in self.noise_per_second],
            noise_at_rest=[pick(each) for each in self.noise_at_rest],
            sensor_variance=pick(self.sensor_variance),
            inverse_gate=pick(self.inverse_gate),
            voltages_at=voltages_at,
            sqrt=sqrt,
            larger=larger,
        )


def _larger(first: float, second: float) -> float:
    """As numpy's maximum has it: what is no number wins."""
    return first if first >= second or math.isnan(first) else second


def _array(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
