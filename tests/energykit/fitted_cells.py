"""Cells with a known truth for tests of the fit: one RC pair, a preset's OCV curve, a logger's noise."""

import numpy as np

from energykit.ocv import OcvTable
from energykit.presets import PRESETS

CAPACITY_AH, R0_OHM, RC_OHM, RC_SECONDS, NOISE_V = 2.0, 0.04, 0.02, 40.0, 1e-3


def table_of(preset):
    parameters = PRESETS[preset].parameters(CAPACITY_AH)
    knots = tuple(parameters["ocv_soc"]), tuple(parameters["ocv_voltage"])
    return OcvTable(*knots, interpolation=parameters.get("ocv_interpolation", "linear"))


class Bench:
    """A cycler with one cell on it; times in s, currents in A, positive while charging. The filter's own equations."""

    def __init__(self, preset="nmc", soc=1.0, seed=0, noise_v=NOISE_V):
        self.ocv, self.soc, self.rc = table_of(preset), soc, 0.0
        self.time, self.current, self.noise_v = 0.0, 0.0, noise_v
        self.chance = np.random.default_rng(seed)
        self.rows = []
        self._log()

    def _log(self):
        volts = self.ocv.voltage_at(self.soc) + self.current * R0_OHM + self.rc * RC_OHM
        self.rows.append((self.time, self.current, volts + self.noise_v * self.chance.standard_normal(), self.soc))

    def step(self, current, seconds):
        """A row after so many seconds, from which on this current flows."""
        self.soc += self.current * seconds / 3600.0 / CAPACITY_AH
        decay = np.exp(-seconds / RC_SECONDS)
        self.rc = self.rc * decay + current * (1.0 - decay)
        self.time, self.current = self.time + seconds, current
        self._log()

    def hold(self, current, seconds, every, first=1.0, until=None):
        """This current for so long, or until the cell reaches an SOC; the first row comes quickly."""
        self.step(current, first)
        for _ in range(int(seconds / every)):
            if until is not None and (self.soc - until) * current >= 0:
                return self
            room = every if until is None else min(every, abs((until - self.soc) / current) * 3600.0 * CAPACITY_AH)
            self.step(current, max(room, 1e-3))
        return self

    def pulses(self, current, times=6):
        """Rest, pulse, rest at several SOC, each second logged."""
        for _ in range(times):
            self.hold(0.0, 1200, 60).hold(current, 30, 1.0).hold(0.0, 240, 2.0)
            self.hold(-0.5 * CAPACITY_AH, 0.12 * 7200, 30)
        return self.hold(0.0, 1200, 60)

    def columns(self):
        """time, current, voltage, true SOC"""
        return [np.array(column) for column in zip(*self.rows, strict=True)]


def slow_cycle_and_pulses(preset="nmc", seed=0, noise_v=NOISE_V):
    """Full, C/20 down to empty, C/20 up to full, then pulses on the way down."""
    bench = Bench(preset, soc=1.0, seed=seed, noise_v=noise_v)
    slow = CAPACITY_AH / 20
    bench.hold(0.0, 1800, 60).hold(-slow, 90_000, 300, until=0.0).hold(0.0, 3600, 60)
    bench.hold(slow, 90_000, 300, until=1.0).hold(0.0, 3600, 60)
    return bench.pulses(-CAPACITY_AH)
