"""What a battery has to do on a day: a car to work and back, trade on the grid, a house with a roof of solar cells.

A day is a list of stretches of constant wish; the cell serves a wish only as far as its limits allow. Every day begins
and ends at rest, so that days can be left out between.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

DAY = 86_400
MINUTE = 60
HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Stretch:
    """From this second of the day the battery is asked for this C-rate, positive while charging."""

    start: int
    c_rate: float


@dataclass(frozen=True)
class Duty:
    """A way of life: the day's wishes, and the SOC within which they are served."""

    key: str
    title: str
    lowest_soc: float
    highest_soc: float
    mean_celsius: float
    seasonal_celsius: float
    wishes_of_day: Callable[[int, np.random.Generator], Iterator[Stretch]]

    def day(self, day: int, chance: np.random.Generator) -> list[Stretch]:
        """The wishes of this day (0 is the first), in order, from and to rest."""
        return [Stretch(0, 0.0), *self.wishes_of_day(day, chance)]


def commuter_car(day: int, chance: np.random.Generator) -> Iterator[Stretch]:
    """To work, home again, then the charger until full; on Sundays one longer trip, every other Saturday none."""
    if day % 7 == 6:
        trips = [(11.0, 75)]
    elif day % 14 == 5:
        trips = []
    else:
        trips = [(7.5, 36), (17.0, 40)]
    clock = 0
    for hour, minutes in trips:
        clock = int(hour * HOUR + chance.uniform(-20, 20) * MINUTE)
        length = int(minutes * chance.uniform(0.7, 1.3)) // 3
        for _ in range(max(length, 1)):  # three minutes of traffic at a time; sometimes downhill
            yield Stretch(clock, float(np.clip(chance.normal(-0.55, 0.35), -1.6, 0.3)))
            clock += 3 * MINUTE
        yield Stretch(clock, 0.0)
    yield Stretch(max(clock + 10 * MINUTE, int(18.5 * HOUR)), 0.25)
    yield Stretch(int(23.5 * HOUR), 0.0)


def grid_arbitrage(day: int, chance: np.random.Generator) -> Iterator[Stretch]:
    """Charge at night and at noon, sell in the morning and the evening; less on weekends."""
    eagerness = float(chance.uniform(0.85, 1.1)) * (0.7 if day % 7 >= 5 else 1.0)
    for hour, hours, c_rate in ((1.0, 3.5, 0.27), (7.0, 1.5, -0.45), (11.5, 3.0, 0.25), (17.5, 2.5, -0.4)):
        start = int(hour * HOUR + chance.uniform(-20, 20) * MINUTE)
        yield Stretch(start, c_rate * eagerness)
        yield Stretch(start + int(hours * HOUR), 0.0)


def solar_home(day: int, chance: np.random.Generator) -> Iterator[Stretch]:
    """What the roof gives beyond the house by day, what the house takes in the evening."""
    season = 0.75 - 0.25 * math.cos(2 * math.pi * day / 365.25)
    clear_sky = float(np.clip(chance.beta(4, 2), 0.1, 1.0))
    for quarter in range(32, 64, 2):  # 8:00 to 16:00 in half-hours
        sun = math.sin(math.pi * (quarter - 31) / 34)
        cloud = float(chance.uniform(0.6, 1.0))
        yield Stretch(quarter * 15 * MINUTE, max(0.42 * season * clear_sky * sun * cloud - 0.02, 0.0))
    yield Stretch(16 * HOUR, 0.0)
    for half_hour in range(35, 47):  # 17:30 to 23:30
        evening = math.exp(-(((half_hour - 39) / 4) ** 2))
        yield Stretch(half_hour * 30 * MINUTE, -0.06 - 0.22 * evening * float(chance.uniform(0.5, 1.4)))
    yield Stretch(int(23.5 * HOUR), 0.0)


DUTIES: dict[str, Duty] = {
    duty.key: duty
    for duty in (
        Duty("commuter", "Commuter car", 0.1, 0.92, 14.0, 9.0, commuter_car),
        Duty("grid", "Grid arbitrage", 0.04, 0.97, 24.0, 2.0, grid_arbitrage),
        Duty("solar", "Solar home", 0.06, 0.97, 18.0, 5.0, solar_home),
    )
}
