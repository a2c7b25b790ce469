"""The verbs on tokens: make one, revoke one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from access.errors import Refused
from access.models import Token
from access.roles import Role, role_of


class TokenRefused(Refused):
    code = "token_refused"


def make_token(
    *, user: Any, name: str, made_by: Any, battery_name: str = "", expiry: datetime | None = None, **limits: int | None
) -> tuple[Token, str]:
    """The record and the token itself, which is not kept and cannot be shown again. Raises TokenRefused.

    `limits` are rows_per_second and connections.
    """
    check_token_wish(user=user, made_by=made_by, battery_name=battery_name, expiry=expiry, **limits)
    made: tuple[Token, str] = Token.objects.create(
        user,
        expiry=None if expiry is None else expiry - timezone.now(),
        name=name,
        battery_name=battery_name,
        created_by=made_by,
        **limits,
    )
    return made


def check_token_wish(
    *, user: Any, made_by: Any, battery_name: str = "", expiry: datetime | None = None, **limits: int | None
) -> None:
    """Raises TokenRefused where such a token may not be made, or would be good for nothing."""
    if any(limit is not None for limit in limits.values()) and role_of(made_by) < Role.ADMINISTRATOR:
        raise TokenRefused("Only an administrator sets the limits of a token.", status=403)
    if made_by.pk != user.pk and role_of(made_by) < Role.ADMINISTRATOR:
        raise TokenRefused("Only an administrator makes tokens for others.", status=403)
    if role_of(user) is Role.NONE:
        raise TokenRefused(
            f"{user.get_username()} has no role, so the token could do nothing. Give the account a role first.",
            fields={"user": ["This account has no role."]},
        )
    if battery_name and role_of(user) < Role.OPERATOR:
        raise TokenRefused(
            "A device token sends data, which needs the role operator. Choose an account that has it.",
            fields={"battery_name": ["This account's role may not send data."]},
        )
    if expiry is not None and expiry <= timezone.now():
        raise TokenRefused(
            "The token would have expired already. Choose a time to come, or leave it empty.",
            fields={"expiry": ["This time is past."]},
        )


def tokens_seen_by(user: Any) -> Any:
    """Everyone's for administrators, else one's own."""
    tokens = Token.objects.select_related("user", "created_by")
    return tokens if role_of(user) >= Role.ADMINISTRATOR else tokens.filter(user=user)
