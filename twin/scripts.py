"""The text of a script, as people look at it."""

from __future__ import annotations

from twin.models import Estimator


def text_of_script(estimator: Estimator) -> str:
    """Empty for an estimator without one, or where its file is gone."""
    if not estimator.script:
        return ""
    try:
        with estimator.script.open("rb") as script:
            return bytes(script.read()).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def numbered_lines(estimator: Estimator) -> list[tuple[int, str, bool]]:
    """Number from 1, text, and whether the last error arose there."""
    lines = text_of_script(estimator).splitlines()
    return [(number, line, number == estimator.error_line) for number, line in enumerate(lines, start=1)]
