"""What a caller may do at a REST door: one class a rule, named as it reads."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission

from access.models import Token
from access.roles import Role, role_of


class _ByRole(BasePermission):
    to_read = Role.VIEWER
    to_write = Role.ADMINISTRATOR
    message = "Your role does not allow this."

    def has_permission(self, request: Any, view: Any) -> bool:
        if isinstance(request.auth, Token) and request.auth.is_for_device:
            self.message = f"This is a device token: it may upload to {request.auth.battery_name!r} and nothing else."
            return False
        needed = self.to_read if request.method in SAFE_METHODS else self.to_write
        role = role_of(request.user)
        if role < needed:
            self.message = f"This needs the role {needed.group}; your account {role.meaning}. Ask an administrator."
        return role >= needed


class ViewerWrites(_ByRole):
    """For what is one's own; the queryset holds nothing else."""

    to_write = Role.VIEWER


class OnlyOperators(_ByRole):
    """For doors where even reading does work, such as running a forecast with GET."""

    to_read = Role.OPERATOR
    to_write = Role.OPERATOR


class ViewerReadsOperatorWrites(_ByRole):
    to_write = Role.OPERATOR


class ViewerReadsEngineerWrites(_ByRole):
    to_write = Role.ENGINEER


class ViewerReadsAdministratorWrites(_ByRole):
    pass


class OnlyAdministrators(_ByRole):
    to_read = Role.ADMINISTRATOR


class MayUpload(BasePermission):
    """An operator, or the device token of the battery that `view.kwargs["name"]` names."""

    def has_permission(self, request: Any, view: Any) -> bool:
        self.message = why_upload_is_refused(request.user, request.auth, view.kwargs["name"])
        return not self.message


def why_upload_is_refused(user: Any, token: Any, battery_name: str) -> str:
    """The sentence that tells why this caller may not send rows to that battery; empty where it may."""
    if isinstance(token, Token) and token.is_for_device:
        if token.battery_name == battery_name and role_of(user) >= Role.OPERATOR:
            return ""
        return f"This device token may upload to {token.battery_name!r} only."
    role = role_of(user)
    if role >= Role.OPERATOR:
        return ""
    return f"Sending data needs the role {Role.OPERATOR.group}; your account {role.meaning}. Ask an administrator."
