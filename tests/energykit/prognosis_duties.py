"""Duties and histories with plain numbers for the tests of prognosis."""

import numpy as np

from energykit.prognosis.duty import Duty

DAY = 86_400.0
YEAR = 365.25 * DAY


def storage(soc: float = 0.5, celsius: float = 25.0, days: float = 10.0, **more) -> Duty:
    time = np.array([0.0, days / 2, days]) * DAY
    return Duty(time, np.full(3, soc), np.zeros(3), np.full(3, celsius), 3.0, **more)


def daily_cycle(depth: float = 0.8, celsius: float = 25.0, days: int = 7, c_rate: float = 0.2, **more) -> Duty:
    """Down and up again once a day around SOC 0.5, at this C-rate, then rest; rows every quarter of an hour."""
    time = np.arange(0.0, days * DAY + 1.0, 900.0)
    clock, seconds = time % DAY, depth / c_rate * 3600.0
    down, up = clock < seconds, (clock >= seconds) & (clock < 2 * seconds)
    moved = np.where(down, -clock / seconds, np.where(up, clock / seconds - 2.0, 0.0))
    current = np.where(down, -1.0, np.where(up, 1.0, 0.0)) * c_rate * 3.0
    return Duty(time, 0.5 + depth / 2 + depth * moved, current, np.full(len(time), celsius), 3.0, **more)
