"""The service that runs on this machine with these settings, and how to log in to it."""

from __future__ import annotations

from django.conf import settings

from datahub.streaming.service import Service

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104  (replaced by here)


def service_of(url: str = "", *, token: str = "", user: str = "", password: str = "") -> Service:
    """The service at `url`, or the local one with the administrator's credentials from ROVI_DATA. Raises ValueError."""
    if url:
        return Service.at(url, token=token, user=user, password=password)
    host = EVERYWHERE.get(settings.HOST, settings.HOST)
    if not token and not user:
        user, password = settings.ROVI_ADMIN_USER, local_password()
    return Service.at(f"http://{host}:{settings.PORT}", token=token, user=user, password=password)


def local_password() -> str:
    """The first start's; raises ValueError where it is not known."""
    if settings.ROVI_ADMIN_PASSWORD:
        return str(settings.ROVI_ADMIN_PASSWORD)
    file = settings.ROVI_DATA / "admin_password"
    try:
        return str(file.read_text(encoding="utf-8").strip())
    except OSError:
        raise ValueError(
            f"{file} cannot be read, so the local service's password is not known. "
            "Start it once, or give --token, --user and --password, or a --url with credentials."
        ) from None
