"""What a simulation knows, kept beside the rows so that a filter can be held against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datahub.models import Battery, Truth
from datahub.windows import Window

BATCH = 500
MOST_TRUTHS = 10_000


def store_truths(battery: Battery, truths: Sequence[dict[str, Any]]) -> int:
    """Stores each moment once; what was told of a moment before stays. Returns how many are new."""
    before = battery.truths.count()
    Truth.objects.bulk_create(
        [Truth(battery=battery, **truth) for truth in truths], batch_size=BATCH, ignore_conflicts=True
    )
    return battery.truths.count() - before


def truths_in(battery: Battery, window: Window) -> list[dict[str, float]]:
    """In order of test_time; every n-th where they are more than the limit, so that the shape is kept."""
    found = battery.truths.order_by("test_time")
    if window.start is not None:
        found = found.filter(test_time__gte=window.start)
    if window.end is not None:
        found = found.filter(test_time__lt=window.end)
    moments = list(found.values("test_time", "true_soc", "true_capacity", "true_r0"))
    step = -(-len(moments) // (window.limit or MOST_TRUTHS))
    return moments[:: max(step, 1)]
