"""Open-circuit voltage as a table over the state of charge."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from energykit.errors import InvalidParameters

FEWEST_KNOTS = 2
WIDEST_SOC = (-1.0, 2.0)  # knots beyond 0..1 steer the extrapolation; beyond these the table is in percent


@dataclass(frozen=True)
class OcvTable:
    """Voltage (V) over SOC (0 to 1), linear between knots and along the outermost segments beyond them.

    >>> OcvTable(soc=(0.0, 0.5, 1.0), voltage=(3.0, 3.6, 4.2)).voltage_at(1.1)
    4.32
    """

    soc: tuple[float, ...]
    voltage: tuple[float, ...]

    def __post_init__(self) -> None:
        complaints = complaints_about_knots(self.soc, self.voltage)
        if complaints:
            raise InvalidParameters(complaints)

    @cached_property
    def slopes(self) -> tuple[float, ...]:
        """Of each segment, in V per unit of SOC."""
        return tuple(
            (self.voltage[k + 1] - self.voltage[k]) / (self.soc[k + 1] - self.soc[k]) for k in range(len(self.soc) - 1)
        )

    @cached_property
    def inner_knots(self) -> tuple[float, ...]:
        """Where one segment gives way to the next; a knot itself belongs to the segment on its right."""
        return self.soc[1:-1]

    def voltage_at(self, soc: float) -> float:
        segment = bisect_right(self.inner_knots, soc)
        return self.slopes[segment] * (soc - self.soc[segment]) + self.voltage[segment]

    def soc_at(self, voltage: float) -> float:
        """The SOC of this open-circuit voltage, clamped to 0..1; of a flat stretch its upper end."""
        segment = max(min(bisect_right(self.voltage, voltage) - 1, len(self.soc) - 2), 0)
        slope = self.slopes[segment]
        soc = self.soc[segment] + (voltage - self.voltage[segment]) / slope if slope > 0 else self.soc[segment + 1]
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


def smoothed(soc: Sequence[float], voltage: Sequence[float], parts: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots with each segment cut into parts along a monotone cubic (Fritsch and Butland, SIAM J. Sci. Stat. Comput.
    5 (1984) 300), so that the slope changes little from segment to segment; rising knots stay rising."""
    widths = [right - left for left, right in pairwise(soc)]
    secants = [(right - left) / width for (left, right), width in zip(pairwise(voltage), widths, strict=True)]
    slopes = [secants[0]]
    for (left, right), (before, after) in zip(pairwise(secants), pairwise(widths), strict=True):
        share = (before + 2 * after) / (3 * (before + after))
        slopes.append(left * right / (share * right + (1 - share) * left) if left * right > 0 else 0.0)
    slopes.append(secants[-1])
    fine = [(soc[0], voltage[0])]
    for place, (width, secant) in enumerate(zip(widths, secants, strict=True)):
        first, last = slopes[place], slopes[place + 1]
        for part in range(1, parts + 1):
            x = width * part / parts
            bend, twist = (3 * secant - 2 * first - last) / width, (first + last - 2 * secant) / width**2
            fine.append((round(soc[place] + x, 6), round(voltage[place] + x * (first + x * (bend + x * twist)), 6)))
    return tuple(x for x, _ in fine), tuple(y for _, y in fine)
