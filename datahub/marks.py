"""What people write at a time of a battery's record: a test was paused, a sensor changed."""

from __future__ import annotations

import math
from typing import Any

from datahub.errors import MarkRefused
from datahub.models import Battery, Mark
from datahub.validators import MARK_LENGTH


def mark_event(battery: Battery, test_time: float, text: str, by: Any = None) -> Mark:
    """Keeps a sentence at a test time, s. Raises MarkRefused."""
    words = " ".join(text.split())
    if not words or len(words) > MARK_LENGTH:
        why = f"Say in 1 to {MARK_LENGTH} characters what happened; these are {len(words)}."
        raise MarkRefused(why, fields={"text": [why]})
    if not math.isfinite(test_time):
        why = f"{test_time} is no test time: give seconds."
        raise MarkRefused(why, fields={"test_time": [why]})
    return Mark.objects.create(battery=battery, test_time=test_time, text=words, by=by)
