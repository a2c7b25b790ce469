"""How SOH is spread over a fleet: bars of one percent, drawn by the server as SVG; each leads to its batteries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from rovi_site.pages.numbers import count, number

LEAST, MOST = 50, 110  # %; what lies beyond is gathered in a bar at either end
HEIGHT = 84.0
FEWEST_BARS = 12


@dataclass(frozen=True)
class Bar:
    """Numbers as SVG takes them, in a box of 10 a bar by HEIGHT; `wanted` is what the address filters by."""

    x: str
    left: str
    y: str
    height: str
    wanted: str
    label: str
    tick: str
    is_chosen: bool


@dataclass(frozen=True)
class Histogram:
    bars: list[Bar]
    width: str
    summary: str


def histogram_of(shares: Sequence[float], chosen: str) -> Histogram | None:
    """Of SOH as shares of 1; None where none is known. `chosen` is the bar that the address filters by."""
    if not shares:
        return None
    counts = Counter(min(max(math.floor(100 * share), LEAST - 1), MOST) for share in shares)
    spare = max(FEWEST_BARS - (max(counts) - min(counts) + 1), 0)
    low, high = max(min(counts) - (spare + 1) // 2, LEAST - 1), min(max(counts) + spare // 2, MOST)
    every = 1 if high - low < 12 else 5 if high - low < 40 else 10
    bars = [
        _bar(place, percent, counts[percent], max(counts.values()), chosen, every)
        for place, percent in enumerate(range(low, high + 1))
    ]
    return Histogram(bars, f"{10 * len(bars)}", spread_in_words(shares))


def spread_in_words(shares: Sequence[float]) -> str:
    low, middle, high = percentiles(shares)
    return (
        f"SOH of {count(len(shares))} batteries: median {number(middle, 1)} %, "
        f"nine in ten between {number(low, 1)} and {number(high, 1)} %"
    )


def percentiles(shares: Sequence[float]) -> tuple[float, float, float]:
    """The 5th, 50th and 95th, in percent.

    >>> percentiles([0.9]), tuple(round(value, 6) for value in percentiles([0.80, 0.90, 1.00]))
    ((90.0, 90.0, 90.0), (81.0, 90.0, 99.0))
    """
    if len(shares) == 1:
        return (100 * shares[0],) * 3
    cuts = quantiles(shares, n=20, method="inclusive")
    return 100 * cuts[0], 100 * cuts[9], 100 * cuts[18]


def _bar(place: int, percent: int, batteries: int, tallest: int, chosen: str, every: int) -> Bar:
    wanted, said, tick = f"{percent}-{percent + 1}", f"{percent} to {percent + 1} %", str(percent)
    if percent < LEAST:
        wanted, said, tick = f"-{LEAST}", f"below {LEAST} %", f"<{LEAST}"
    elif percent >= MOST:
        wanted, said, tick = f"{MOST}-", f"{MOST} % and more", f"{MOST}+"
    elif percent % every:
        tick = ""
    height = max(HEIGHT * batteries / tallest, 2.0) if batteries else 0.0
    label = f"{said}: {count(batteries)} {'battery' if batteries == 1 else 'batteries'}"
    return Bar(
        x=f"{10 * place}", left=f"{10 * place + 0.75}", y=f"{HEIGHT - height:.1f}",
        height=f"{height:.1f}" if height else "", wanted=wanted, label=label, tick=tick, is_chosen=wanted == chosen,
    )  # fmt: skip
