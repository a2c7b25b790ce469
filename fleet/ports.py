"""What this room is given by others that it does not know: batteries whose rows tell power. The wiring puts it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PoweredBattery:
    """A battery with current and voltage; `rows` counts all that were ever stored of it."""

    battery_id: int
    name: str
    rows: int


@dataclass(frozen=True)
class PowerRows:
    """`time` is test_time, s; `power` in kW, positive while charging. Rows without either are left out."""

    time: np.ndarray
    power: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class NewRows:
    """What came after a cursor: the times (s) of usable rows, the next cursor, and whether there may be more."""

    times: np.ndarray
    cursor: int
    more: bool


class Batteries(Protocol):
    def with_power(self) -> list[PoweredBattery]:
        """Those that have rows with current and voltage."""

    def begun_at(self, battery_id: int) -> float:
        """Unix time (s) at which its test_time was 0, as far as can be told."""

    def rows_after(self, battery_id: int, cursor: int, limit: int) -> NewRows:
        """In order of arrival."""

    def times_before(self, battery_id: int, time: float, count: int) -> list[float]:
        """The last distinct test_times (s) of usable rows before that one, in order."""

    def times_after(self, battery_id: int, time: float, count: int) -> list[float]:
        """The first ones after it, in order."""

    def window(self, battery_id: int, first: float, last: float) -> PowerRows:
        """Usable rows of `first <= test_time <= last` in order of time; of equal times the one that came last."""

    def nothing_before(self, battery_id: int) -> float | None:
        """Greatest test_time of the rows that were deleted: from before it nothing can be computed anew."""


class Forecasters(Protocol):
    """Scripts that people registered."""

    def names(self) -> list[str]:
        """Of those that are ready."""

    def foretell(self, name: str, time: np.ndarray, energy: np.ndarray, ahead: np.ndarray) -> dict[str, np.ndarray]:
        """Calls one in its sandbox; for workers alone.

        It is handed `time` (Unix time, s) and `energy` (kWh of the quarter that begins then) as its history, and `time`
        of the quarters ahead as its load. What it answers, by column; ForetellingFailed says why it could not.
        """


class ForetellingFailed(Exception):
    """A script failed, or answered what cannot be read; the text says it to people."""


batteries: Batteries | None = None
forecasters: Forecasters | None = None
