"""How a battery's name stands in a URL."""

from __future__ import annotations

from django.urls import register_converter


class BatteryName:
    """Any text, with slashes and line breaks: Django's own `path` stops at a line break."""

    regex = r"(?s:.+)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(BatteryName, "battery_name")
