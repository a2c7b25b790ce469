"""What the batteries of one family (same number of RC pairs) bring to every step, as arrays and one by one."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from energykit.ukf.intake import Places
from energykit.ukf.ocv_lookup import PackedTables, lookup_of_one
from energykit.ukf.parameters import JointFilterParameters
from energykit.ukf.rows import Floats
from energykit.ukf.step import CellConstants


class FamilyConstants:
    def __init__(self, parameters: Sequence[JointFilterParameters]) -> None:
        self.parameters = list(parameters)
        self.states = len(parameters[0].state_names)
        pairs = len(parameters[0].rc_pairs)
        self.efficiency = _array(each.coulombic_efficiency for each in parameters)
        self.rc_ohm = [_array(each.rc_pairs[pair][0] for each in parameters) for pair in range(pairs)]
        self.time_constants = [
            self.rc_ohm[pair] * _array(each.rc_pairs[pair][1] for each in parameters) for pair in range(pairs)
        ]
        self.process_noise = [_array(each.process_noise[state] for each in parameters) for state in range(self.states)]
        self.sensor_variance = _array(each.sensor_variance for each in parameters)
        self.tables = PackedTables([each.ocv for each in parameters])
        self._single: dict[int, CellConstants] = {}

    def of(self, batteries: Places) -> CellConstants:
        noise = [each[batteries] for each in self.process_noise]
        return CellConstants(
            states=self.states,
            rc_ohm=[each[batteries] for each in self.rc_ohm],
            process_noise=noise,
            soc_noise_std=np.sqrt(noise[0]),
            sensor_variance=self.sensor_variance[batteries],
            voltages_at=self.tables.lookup_of(batteries),
        )

    def of_one(self, battery: int) -> CellConstants:
        if battery not in self._single:
            parameters = self.parameters[battery]
            self._single[battery] = CellConstants(
                states=self.states,
                rc_ohm=[ohm for ohm, _ in parameters.rc_pairs],
                process_noise=parameters.process_noise,
                soc_noise_std=math.sqrt(parameters.process_noise[0]),
                sensor_variance=parameters.sensor_variance,
                voltages_at=lookup_of_one(parameters.ocv),
            )
        return self._single[battery]


def _array(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)
