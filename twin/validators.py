"""What an estimator must be before anything is stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.core.files.base import File

from twin.errors import RequiredTimeRefused
from twin.models import SCRIPT_NAME
from uploads import checking


def check_script(definition: str | bytes) -> str:
    """Its text; raises ScriptRefused."""
    return checking.check_script(definition, SCRIPT_NAME, "an object `estimator`")


def check_support_files(files: Sequence[File]) -> None:
    """Raises SupportFileRefused."""
    checking.check_support_files(files, SCRIPT_NAME)


def check_required_time(given: Any) -> float:
    """Seconds, 0 or more; None and an empty text are 0. Raises RequiredTimeRefused."""
    if given is None or given == "":
        return 0.0
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        raise RequiredTimeRefused(given) from None
    if not math.isfinite(seconds):
        raise RequiredTimeRefused(given)
    return max(seconds, 0.0)
