"""Open-circuit voltage as a table over the state of charge."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from energykit.errors import InvalidParameters

FEWEST_KNOTS = 2
WIDEST_SOC = (-1.0, 2.0)  # knots beyond 0..1 steer the extrapolation; beyond these the table is in percent
INTERPOLATIONS = ("linear", "cubic")
HALVINGS = 60  # of an interval of SOC, until nothing is left between two floats


class Segment(NamedTuple):
    """With x = SOC - soc, the voltage is voltage + x·(slope + x·(bend + x·twist)); the last two are 0 where linear."""

    soc: float
    voltage: float
    slope: float
    bend: float = 0.0
    twist: float = 0.0

    def at(self, soc: float) -> float:
        x = soc - self.soc
        return x * (self.slope + x * (self.bend + x * self.twist)) + self.voltage


@dataclass(frozen=True)
class OcvTable:
    """Voltage (V) over SOC (0 to 1), along straight lines or a monotone cubic (PCHIP); beyond the ends always straight.

    >>> OcvTable(soc=(0.0, 0.5, 1.0), voltage=(3.0, 3.6, 4.2)).voltage_at(1.1)
    4.32
    """

    soc: tuple[float, ...]
    voltage: tuple[float, ...]
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        complaints = complaints_about_knots(self.soc, self.voltage)
        if self.interpolation not in INTERPOLATIONS:
            complaints["ocv_interpolation"] = f"This must be one of {', '.join(INTERPOLATIONS)}."
        if complaints:
            raise InvalidParameters(complaints)

    @property
    def is_cubic(self) -> bool:
        return self.interpolation == "cubic"

    @cached_property
    def breaks(self) -> tuple[float, ...]:
        """Where one segment gives way to the next; a break itself belongs to the segment on its right."""
        return self.soc if self.is_cubic else self.soc[1:-1]

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """One more than there are breaks; the outermost go on for ever."""
        knots = list(zip(self.soc, self.voltage, strict=True))
        secants = secant_slopes(self.soc, self.voltage)
        if not self.is_cubic:
            return tuple(Segment(*knot, slope) for knot, slope in zip(knots, secants, strict=False))
        slopes = pchip_slopes(self.soc, self.voltage)
        inner = []
        for place, secant in enumerate(secants):
            width = self.soc[place + 1] - self.soc[place]
            first, last = slopes[place], slopes[place + 1]
            bend, twist = (3 * secant - 2 * first - last) / width, (first + last - 2 * secant) / width**2
            inner.append(Segment(*knots[place], first, bend, twist))
        return (Segment(*knots[0], slopes[0]), *inner, Segment(*knots[-1], slopes[-1]))

    def voltage_at(self, soc: float) -> float:
        return self.segments[bisect_right(self.breaks, soc)].at(soc)

    def soc_at(self, voltage: float) -> float:
        """The SOC of this open-circuit voltage, clamped to 0..1; of a flat stretch its upper end."""
        place = max(min(bisect_right(self.voltage, voltage) - 1, len(self.soc) - 2), 0)
        if self.is_cubic and self.voltage[0] < voltage < self.voltage[-1]:
            low, high = self.soc[place], self.soc[place + 1]
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                low, high = (middle, high) if self.voltage_at(middle) <= voltage else (low, middle)
            return min(max(low, 0.0), 1.0)
        slope = secant_slopes(self.soc, self.voltage)[place]
        soc = self.soc[place] + (voltage - self.voltage[place]) / slope if slope > 0 else self.soc[place + 1]
        return min(max(soc, 0.0), 1.0)


def complaints_about_knots(soc: Sequence[float], voltage: Sequence[float]) -> dict[str, str]:
    """What is wrong with a table, by field (`ocv_soc`, `ocv_voltage`); empty when nothing is."""
    if len(soc) < FEWEST_KNOTS:
        return {"ocv_soc": "An OCV table needs at least two knots."}
    if any(right <= left for left, right in pairwise(soc)):
        return {"ocv_soc": "SOC must rise from knot to knot; sort the table and drop doubles."}
    if soc[0] < WIDEST_SOC[0] or soc[-1] > WIDEST_SOC[1]:
        return {"ocv_soc": "SOC is a fraction from 0 (empty) to 1 (full), not per cent."}
    if len(voltage) != len(soc):
        return {"ocv_voltage": f"There are {len(soc)} SOC knots but {len(voltage)} voltages; each knot needs one."}
    if voltage[-1] <= voltage[0]:
        return {"ocv_voltage": "The voltage of a full cell must be above that of an empty one; is the table reversed?"}
    return {}


def secant_slopes(soc: Sequence[float], voltage: Sequence[float]) -> tuple[float, ...]:
    """Of the straight line between each knot and the next, in V per unit of SOC."""
    return tuple((voltage[k + 1] - voltage[k]) / (soc[k + 1] - soc[k]) for k in range(len(soc) - 1))


def pchip_slopes(soc: Sequence[float], voltage: Sequence[float]) -> tuple[float, ...]:
    """At each knot, so that the cubic through them rises wherever the knots rise: weighted harmonic means of the
    secants (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300), three-point ends; as scipy's PCHIP has it.
    """
    secants = secant_slopes(soc, voltage)
    widths = [right - left for left, right in pairwise(soc)]
    if len(secants) == 1:
        return secants * 2
    inner = []
    for (left, right), (before, after) in zip(pairwise(secants), pairwise(widths), strict=True):
        share = (before + 2 * after) / (3 * (before + after))
        inner.append(left * right / (share * right + (1 - share) * left) if left * right > 0 else 0.0)
    first = _end_slope(*widths[:2], *secants[:2])
    last = _end_slope(*widths[:-3:-1], *secants[:-3:-1])
    return (first, *inner, last)


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """That of the parabola through the three outermost knots, unless the curve would turn for it."""
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if slope * secant <= 0:
        return 0.0
    return 3 * secant if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant) else slope
