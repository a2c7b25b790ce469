"""What the pages of several records in the admin share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


class KeptWhileMade:
    """For records with `has_ended`: what a worker makes is not taken from under its hands."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return may and (obj is None or obj.has_ended)


class KeptAsIs:
    """What stands under a version or a forecast: seen, never changed."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def links_to(*links: tuple[str, str]) -> SafeString:
    return format_html_join(" · ", '<a href="{}">{}</a>', ((address, word) for word, address in links if address))


def address_of(route: str, number: int) -> str:
    """Of a page, or empty where the site has none of that name: pages lie in the room above."""
    try:
        return reverse(route, args=[number])
    except NoReverseMatch:
        return ""
