"""The account of the first start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from rovi_site.env import CannotStart
from rovi_site.secrets import kept_secret

PASSWORD_BYTES = 12  # of randomness: 16 characters
CHANGED = "(changed since the first start)"


def ensure_administrator() -> str:
    """Makes the administrator once; returns the password to show, or words instead where it is no longer known.

    ROVI_ADMIN_PASSWORD, when set, is the password from then on, also for an account that was there before. An account
    that lost its rights in the admin keeps its password and does not get them back.
    """
    file = settings.ROVI_DATA / "admin_password"
    given = settings.ROVI_ADMIN_PASSWORD
    user = get_user_model().objects.filter(username=settings.ROVI_ADMIN_USER).first()
    if user is None:
        password = given or kept_secret(file, PASSWORD_BYTES)
        user = get_user_model()(username=settings.ROVI_ADMIN_USER, is_staff=True, is_superuser=True)
        user.set_password(password)  # judged when it is saved; what `create_superuser` hashes nobody judges
        with _told_before_the_start():
            user.save()
        return password
    if given and user.is_superuser and not user.check_password(given):
        user.set_password(given)
        with _told_before_the_start():
            user.save(update_fields=["password"])
    known = given or (kept_secret(file, PASSWORD_BYTES) if file.exists() else "")
    return known if known and user.check_password(known) else CHANGED


@contextmanager
def _told_before_the_start() -> Iterator[None]:
    try:
        yield
    except ValidationError as weak:
        why = " ".join(weak.messages)
        raise CannotStart(f"ROVI_ADMIN_PASSWORD cannot be used. {why} Choose another, or unset it.") from None
