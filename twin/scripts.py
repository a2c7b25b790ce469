"""The text of a script, as people look at it."""

from __future__ import annotations

from twin.models import Estimator
from uploads.storage import text_of


def numbered_lines(estimator: Estimator) -> list[tuple[int, str, bool]]:
    """Number from 1, text, and whether the last error arose there."""
    lines = text_of(estimator.script).splitlines()
    return [(number, line, number == estimator.error_line) for number, line in enumerate(lines, start=1)]
