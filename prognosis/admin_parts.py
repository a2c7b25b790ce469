"""What the pages of several records in the admin share."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse

from access.roles import Role, role_of
from prognosis.validators import check_script
from uploads.editing import syntax_of


def check_page(request: HttpRequest) -> JsonResponse:
    """What is wrong with the syntax of a script that is being written."""
    if role_of(request.user) < Role.ENGINEER:
        raise PermissionDenied("Scripts are written by the role engineer.")
    return syntax_of(request, check_script)


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
