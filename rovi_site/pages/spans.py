"""Test times as people say them, with all their seconds in the title."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from rovi_site.pages import numbers


def span(seconds: float | str | None) -> SafeString | str:
    """A name that a template finds nothing for is '' there."""
    if seconds is None or isinstance(seconds, str):
        return numbers.UNKNOWN
    said = numbers.duration(seconds) if seconds >= 0 else numbers.all_seconds(seconds)
    return format_html('<span title="{}">{}</span>', numbers.all_seconds(seconds), said)
