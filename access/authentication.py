"""Who is calling: HTTP Basic, bearer tokens and cookie sessions, for REST and for sockets alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from knox.auth import TokenAuthentication
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS

from access.models import Token

REMEMBERED_SECONDS = 300.0
REMEMBERED_LOGINS = 1000
ANOTHER_ORIGIN = "Pages of this origin may not act for you here. An administrator can add it to ROVI_TRUSTED_ORIGINS."


class Bearer(TokenAuthentication):
    """`Authorization: Bearer …` with a token made in the admin or at /api/v1/tokens/."""


class Basic(BasicAuthentication):
    """`Authorization: Basic …`, as ROVI's command-line client sends it from credentials in its URL.

    A password hash costs a third of a second by design; a program that calls often would spend its time there. So a
    password once found right is remembered for five minutes as a keyed digest, and forgotten when the stored hash
    changes or the account is switched off.

    A browser remembers it too, and sends it with forms of any site's pages; so where a page of another origin asks, it
    changes nothing. Programs send no Origin.
    """

    www_authenticate_realm = "ROVI"

    def authenticate(self, request: Any) -> tuple[Any, None] | None:
        found: tuple[Any, None] | None = super().authenticate(request)
        origin = request.headers.get("Origin", "")
        if found and origin and request.method not in SAFE_METHODS and not is_ours(origin, request.get_host()):
            raise PermissionDenied(ANOTHER_ORIGIN)
        return found

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[Any, None]:
        user = check_password(userid, password, request)
        if user is None:
            raise AuthenticationFailed("User name or password is wrong, or the account is switched off.")
        return user, None


_remembered: OrderedDict[bytes, tuple[int, str, float]] = OrderedDict()
_lock = threading.Lock()


def check_password(username: str, password: str, request: Any = None) -> Any | None:
    """The active user of these credentials, or None."""
    if "\0" in username:  # nobody is called so, and PostgreSQL fails where it is asked
        return None
    digest = hmac.new(
        settings.SECRET_KEY.encode(), f"{len(username)}:{username}{password}".encode(), hashlib.sha256
    ).digest()
    with _lock:
        known = _remembered.get(digest)
    if known and known[2] > time.monotonic():
        user = get_user_model().objects.filter(pk=known[0], is_active=True).first()
        if user is not None and user.password == known[1]:
            return user
    user = authenticate(request, username=username, password=password)
    if user is None or not user.is_active:
        return None
    with _lock:
        _remembered[digest] = (user.pk, user.password, time.monotonic() + REMEMBERED_SECONDS)
        while len(_remembered) > REMEMBERED_LOGINS:
            _remembered.popitem(last=False)
    return user


def name_and_password(credentials: str) -> tuple[str, str]:
    """What stands after `Basic ` in a header; raises ValueError for what is no base64 of UTF-8 text."""
    username, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    return username, password


@dataclass(frozen=True)
class Caller:
    """Who opened a socket: the user, and the token where one was used."""

    user: Any
    token: Token | None = None


class NotAdmitted(Exception):
    """A socket is refused before it opens. `status` is 401 (who are you?) or 403 (not you, or not from there)."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def caller_of_socket(scope: dict[str, Any]) -> Caller:
    """Who opens this socket; raises NotAdmitted. Call it off the event loop: it asks the database.

    A browser sends its cookies, and a password that it remembers, with a socket opened by any page. So a cookie counts
    only from our own origin, and a password from none or our own.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    authorization, origin = headers.get(b"authorization", ""), headers.get(b"origin", "")
    from_here = is_ours(origin, headers.get(b"host", ""))
    if authorization:
        return _caller_of_header(authorization, not origin or from_here)
    user = scope.get("user")
    if user is None or not user.is_authenticated:
        raise NotAdmitted(401, "Credentials are needed: HTTP Basic, a bearer token, or a login in this browser.")
    if not from_here:
        raise NotAdmitted(403, ANOTHER_ORIGIN)
    return Caller(user)


def _caller_of_header(authorization: str, takes_passwords: bool) -> Caller:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        try:
            user, token = Bearer().authenticate_credentials(credentials.strip().encode())
        except AuthenticationFailed as refused:
            raise NotAdmitted(401, str(refused.detail)) from None
        return Caller(user, token)
    if scheme.lower() == "basic":
        try:
            username, password = name_and_password(credentials)
        except ValueError:
            raise NotAdmitted(401, "The Basic credentials cannot be read; send base64 of user:password.") from None
        user = check_password(username, password)
        if user is not None and not takes_passwords:
            raise NotAdmitted(403, ANOTHER_ORIGIN)
        if user is not None:
            return Caller(user)
    raise NotAdmitted(401, "User name, password or token is wrong.")


def is_ours(origin: str, host: str) -> bool:
    """Whether a page of this origin is one of ours, or of a site that the settings trust."""
    return bool(origin) and (origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc == host)
