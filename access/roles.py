"""Who may do what: four roles, each holding all that the one before it may do.

A role is membership of the Django group of that name; a superuser is an administrator. An account in no group may do
nothing, and is told so.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class Role(IntEnum):
    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3
    ADMINISTRATOR = 4

    @property
    def group(self) -> str:
        return self.name.lower()

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    Role.NONE: "may do nothing yet",
    Role.VIEWER: "sees everything, changes nothing",
    Role.OPERATOR: "also registers batteries, sends data and runs forecasts",
    Role.ENGINEER: "also registers estimators and forecasters, which are code",
    Role.ADMINISTRATOR: "also manages people and tokens, and deletes data",
}
GRANTED = (Role.VIEWER, Role.OPERATOR, Role.ENGINEER, Role.ADMINISTRATOR)


def role_of(user: AbstractBaseUser | AnonymousUser | None) -> Role:
    """The highest role of `user`. Asks the database once a user object, then remembers it there."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Role.NONE
    if getattr(user, "is_superuser", False):
        return Role.ADMINISTRATOR
    known = getattr(user, "_rovi_role", None)
    if known is None:
        names = {group.name for group in user.groups.all()}  # type: ignore[attr-defined]
        known = max((role for role in GRANTED if role.group in names), default=Role.NONE)
        user._rovi_role = known  # type: ignore[attr-defined]
    return known
