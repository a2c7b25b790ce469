"""SOC by counting charge: the smallest estimator there can be, and one whose numbers a hand can check."""

import numpy as np

CAPACITY_AH = 2.0


class CoulombCounter:
    state_names = ["soc"]

    def __init__(self):
        self.soc = 0.5
        self.variance = 0.01
        self.before = None
        self.rows = 0

    @property
    def state(self):
        return self

    def get_mean(self):
        return np.array([self.soc])

    def get_covariance(self):
        return np.array([[self.variance]])

    def step(self, inputs, measurements):
        self.rows += 1
        if self.before is not None:
            time, current = self.before
            self.soc += current * (inputs.time - time) / 3600 / CAPACITY_AH
            self.variance += 1e-6
        self.before = inputs.time, inputs.current


estimator = CoulombCounter()
