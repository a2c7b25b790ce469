"""An estimator: state of charge by counting charge, the smallest that there can be.

Upload it in the admin (Estimators, Add) or with POST /online/register. It uses no package but numpy; what a row is, and
what is asked of the object, stands in docs/how-to/write-an-estimator.md.
"""

import numpy as np

CAPACITY_AH = 2.0


class CoulombCounter:
    state_names = ["soc"]

    def __init__(self):
        self.soc = 0.5
        self.variance = 0.01
        self.before = None

    @property
    def state(self):
        return self

    def get_mean(self):
        return np.array([self.soc])

    def get_covariance(self):
        return np.array([[self.variance]])

    def step(self, inputs, measurements):
        """The current of a row flows until the next; positive is charging."""
        if self.before is not None:
            time, current = self.before
            counted = self.soc + current * (inputs.time - time) / 3600 / CAPACITY_AH
            self.soc = min(max(counted, 0.0), 1.0)  # full and empty are where a counter begins anew
            self.variance += 1e-6
        self.before = inputs.time, inputs.current


estimator = CoulombCounter()
