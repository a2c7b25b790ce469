"""The built-in filter as an uploaded script; its parameters lie beside it."""

import json
from pathlib import Path

import numpy as np

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters

PARAMETERS = JointFilterParameters.from_mapping(json.loads(Path("parameters.json").read_text()))


class Distribution:
    def __init__(self, mean, covariance):
        self.mean, self.covariance = mean, covariance

    def get_mean(self):
        return self.mean

    def get_covariance(self):
        return self.covariance


class JointFilter:
    state_names = PARAMETERS.state_names

    def __init__(self):
        self.filter = FleetFilter([PARAMETERS])

    def start(self, inputs, measurements):
        self.advance(inputs, measurements)

    def step(self, inputs, measurements):
        result = self.advance(inputs, measurements)
        predicted = Distribution(result.predicted_voltage, result.innovation_variance)
        return self.state_of(result), predicted

    @property
    def state(self):
        return self.state_of(self.filter.advance([FilterRows.none()])[0], initial=True)

    def advance(self, inputs, measurements):
        row = (inputs.time, inputs.current, measurements.terminal_voltage)
        return self.filter.advance([FilterRows(*(np.array([value]) for value in row))])[0]

    def state_of(self, result, initial=False):
        size = len(PARAMETERS.state_names)
        if initial:
            return Distribution(np.array(PARAMETERS.initial_mean), np.array(PARAMETERS.initial_covariance))
        packed = np.zeros((size, size))
        packed[np.triu_indices(size)] = result.covariances[0]
        return Distribution(result.means[0], packed + np.triu(packed, 1).T)

    def __getstate__(self):
        return self.filter.checkpoint(0)

    def __setstate__(self, checkpoint):
        self.__init__()
        self.filter.restore(0, checkpoint)


estimator = JointFilter()
