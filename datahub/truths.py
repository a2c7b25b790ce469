"""What a simulation knows, kept beside the rows so that a filter can be held against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.errors import Refused
from datahub.models import Battery, Truth
from datahub.windows import Window

FIELDS = ("test_time", "true_soc", "true_capacity", "true_r0")
GREATEST = 1e300  # also keeps out NaN, infinity, and whole numbers that no float holds
BATCH = 500
MOST_TRUTHS = 10_000


class TruthRefused(Refused):
    code = "truth_refused"

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(
            "Some of the truth cannot be taken, so none was.",
            hint=f"Send a list of maps, each with {', '.join(FIELDS)} as finite numbers.",
            fields=fields,
        )


def checked_truths(told: Any) -> list[dict[str, float]]:
    """As `store_truths` takes them; raises TruthRefused. By hand: a simulator sends 100,000, and a form takes 10 s."""
    if not isinstance(told, list):
        raise TruthRefused({"truth": ["It is no list."]})
    wrong = {str(place): ["It lacks a finite number."] for place, truth in enumerate(told) if not _is_truth(truth)}
    if wrong:
        raise TruthRefused(wrong)
    return [{name: float(truth[name]) for name in FIELDS} for truth in told]


def _is_truth(truth: Any) -> bool:
    if not isinstance(truth, dict):
        return False
    values = [truth.get(name) for name in FIELDS]
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < GREATEST for value in values
    )


def store_truths(battery: Battery, truths: Sequence[dict[str, Any]]) -> int:
    """Stores each moment once; what was told of a moment before stays. Returns how many are new."""
    before = battery.truths.count()
    Truth.objects.bulk_create(
        [Truth(battery=battery, **truth) for truth in truths], batch_size=BATCH, ignore_conflicts=True
    )
    return battery.truths.count() - before


def truths_in(battery: Battery, window: Window) -> list[Any]:
    """In order of test_time; every n-th where they are more than the limit, so that the shape is kept."""
    found = battery.truths.order_by("test_time")
    if window.start is not None:
        found = found.filter(test_time__gte=window.start)
    if window.end is not None:
        found = found.filter(test_time__lt=window.end)
    moments = list(found.values("test_time", "true_soc", "true_capacity", "true_r0"))
    step = -(-len(moments) // (window.limit or MOST_TRUTHS))
    return moments[:: max(step, 1)]
