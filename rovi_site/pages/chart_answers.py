"""How series reach a chart: as JSON of no more digits than a person can see, compressed on the way."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse

FROM_HERE_THOUSANDTHS = 1e4


class ChartAnswer(JsonResponse):
    """JSON without spaces, its floats rounded by `shown`; integers and texts stay what they are."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(_shown(data), json_dumps_params={"separators": (",", ":")})


def shown(value: float) -> float:
    """Seven significant digits, and never coarser than a thousandth, so that late moments keep their milliseconds.

    >>> shown(3.7123456789), shown(1732233600.12345), shown(-0.000123456789)
    (3.712346, 1732233600.123, -0.0001234568)
    """
    return float(f"{value:.7g}") if abs(value) < FROM_HERE_THOUSANDTHS else round(value, 3)


def _shown(part: Any) -> Any:
    if isinstance(part, float):
        return shown(part)
    if isinstance(part, dict):
        return {name: _shown(each) for name, each in part.items()}
    if isinstance(part, list | tuple):
        return [shown(each) if isinstance(each, float) else _shown(each) for each in part]
    return part
