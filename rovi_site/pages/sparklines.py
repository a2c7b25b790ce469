"""Capacity over time, small: a line of a few points with its band, drawn by the server as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rovi_site.pages.numbers import number
from twin.health import DEVIATIONS_OF_BAND

WIDTH, HEIGHT = 96.0, 26.0
LEAST_SPAN = 0.02  # of the mean, so that noise of a new cell does not look like a collapse


@dataclass(frozen=True)
class Spark:
    """`line` and `band` are the points of a polyline and a polygon in a box of 96 by 26."""

    line: str
    band: str
    label: str


def spark(values: Sequence[float], deviations: Sequence[float], unit: str, digits: int) -> Spark | None:
    """None below two points. Values stand at equal distances: it shows the course, the page the times."""
    if len(values) < 2:
        return None
    centre = sum(values) / len(values)
    lowest, highest = min(values), max(values)
    span = max(highest - lowest, abs(centre) * LEAST_SPAN, 1e-12) * 1.1
    top = (highest + lowest) / 2 + span / 2
    xs = [WIDTH * place / (len(values) - 1) for place in range(len(values))]

    def y(value: float) -> float:
        return min(max((top - value) / span * HEIGHT, 0.0), HEIGHT)

    upper = [(x, y(value + DEVIATIONS_OF_BAND * sd)) for x, value, sd in zip(xs, values, deviations, strict=True)]
    lower = [(x, y(value - DEVIATIONS_OF_BAND * sd)) for x, value, sd in zip(xs, values, deviations, strict=True)]
    return Spark(
        _points([(x, y(value)) for x, value in zip(xs, values, strict=True)]),
        _points([*upper, *reversed(lower)]),
        f"from {number(values[0], digits)} to {number(values[-1], digits)} {unit}",
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
