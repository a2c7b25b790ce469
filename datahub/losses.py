"""What deleting a battery loses, in words; rooms above add what they keep of it."""

from __future__ import annotations

from collections.abc import Callable

from access.models import Token
from datahub.models import Battery

# Each tells how many of what it keeps of a battery, as (count, singular, plural).
tellers_of_loss: list[Callable[[Battery], list[tuple[int, str, str]]]] = []


def loss_of(battery: Battery) -> str:
    """`110,705 rows, 3 imports and 1 device token`."""
    counted = [
        (battery.kept_rows, "row", "rows"),
        (battery.truths.count(), "true value", "true values"),
        (battery.imports.count(), "import", "imports"),
        (battery.marks.count(), "marked event", "marked events"),
        (Token.objects.filter(battery_name=battery.name).count(), "device token", "device tokens"),
    ]
    for tell in tellers_of_loss:
        counted += tell(battery)
    return in_words(counted)


def in_words(counted: list[tuple[int, str, str]]) -> str:
    parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in counted if count]
    if not parts:
        return "its metadata"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
