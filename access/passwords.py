"""Passwords are judged where they are stored, so no door (admin, `changepassword`, environment) lets a weak one in.

Not what Django's `create_user` hashes by itself: `createsuperuser --no-input` alone comes that way here.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.db.models.signals import pre_save


def check_when_stored() -> None:
    pre_save.connect(_check, get_user_model(), dispatch_uid="access.check_password")


def _check(instance: Any, raw: bool, **_: Any) -> None:
    """Raises ValidationError. Django keeps the text until it is saved, and not where it only hashes anew at a login."""
    chosen: str | None = getattr(instance, "_password", None)
    if chosen is not None and not raw:
        validate_password(chosen, instance)
