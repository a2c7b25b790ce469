"""What the pages of several records in the admin share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


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
