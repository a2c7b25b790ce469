"""Who is calling: HTTP Basic, bearer tokens and cookie sessions, for REST and for sockets alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.settings import CONSTANTS
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS

from access import tries
from access.addresses import address_of, address_of_socket
from access.models import Token
from access.tries import LoginPaused

REMEMBERED_SECONDS = 300.0
REMEMBERED_LOGINS = 1000
ANOTHER_ORIGIN = "Pages of this origin may not act for you here. An administrator can add it to ROVI_TRUSTED_ORIGINS."


class Bearer(TokenAuthentication):
    """`Authorization: Bearer …` with a token made in the admin or at /api/v1/tokens/.

    Looking one up costs next to nothing and guessing one is hopeless, so a good token is never kept waiting; wrong ones
    are counted, and told to wait.
    """

    def authenticate(self, request: Any) -> tuple[Any, Token] | None:
        try:
            found: tuple[Any, Token] | None = super().authenticate(request)
        except UnicodeError:
            raise AuthenticationFailed("The token is no text.") from None
        except AuthenticationFailed:
            with _told_as_throttled():
                count_wrong_token(request.headers.get("Authorization", ""), address_of(request))
            raise
        return found

    def _cleanup_token(self, auth_token: Token) -> bool:
        """Whether it has expired. Nothing is deleted on the way in: rovi_site.housekeeping does it, later."""
        return auth_token.expiry is not None and auth_token.expiry <= timezone.now()


class Basic(BasicAuthentication):
    """`Authorization: Basic …`, as ROVI's command-line client sends it from credentials in its URL.

    A password hash costs a third of a second by design; a program that calls often would spend its time there. So a
    password once found right is remembered as a keyed digest until five minutes after its last use, and forgotten when
    the stored hash changes or the account is switched off.

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
        with _told_as_throttled():
            user = check_password(userid, password, address_of(request))
        if user is None:
            raise AuthenticationFailed("User name or password is wrong, or the account is switched off.")
        return user, None


@contextmanager
def _told_as_throttled() -> Iterator[None]:
    """In the words of rest_framework, which sets Retry-After."""
    try:
        yield
    except LoginPaused as paused:
        raise Throttled(paused.retry_after, paused.message, paused.code) from None


_remembered: OrderedDict[bytes, tuple[int, str, float]] = OrderedDict()
_lock = threading.Lock()
_in_turn = [threading.Lock() for _ in range(64)]


def check_password(username: str, password: str, address: str) -> Any | None:
    """The active user of these credentials, or None. Raises tries.LoginPaused.

    Of many who bring the same credentials at once, as devices do after a restart, one is hashed and the others wait.
    """
    if "\0" in username:  # nobody is called so, and PostgreSQL fails where it is asked
        return None
    digest = _digest(username, password)
    if (user := _remembered_user(digest)) is not None:
        return user
    with _in_turn[digest[0] % len(_in_turn)]:
        if (user := _remembered_user(digest)) is not None:
            return user
        user = authenticate(None, username=username, password=password, address=address)
        if user is not None:
            _remember(digest, user)
    return user


def _digest(username: str, password: str) -> bytes:
    told = f"{len(username)}:{username}{password}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), told, hashlib.sha256).digest()


def _remembered_user(digest: bytes) -> Any | None:
    with _lock:
        known = _remembered.get(digest)
    if known is None or known[2] <= time.monotonic():
        return None
    user = get_user_model().objects.filter(pk=known[0], is_active=True).first()
    if user is None or user.password != known[1]:
        return None
    _remember(digest, user)  # as long as it is used, so that the wrong tries of others never reach who uses it
    return user


def _remember(digest: bytes, user: Any) -> None:
    with _lock:
        _remembered[digest] = (user.pk, user.password, time.monotonic() + REMEMBERED_SECONDS)
        _remembered.move_to_end(digest)
        while len(_remembered) > REMEMBERED_LOGINS:
            _remembered.popitem(last=False)


def count_wrong_token(authorization: str, address: str) -> None:
    """Under the first characters of a token there is, which are no secret; raises LoginPaused.

    Apart from passwords, so that devices whose tokens were revoked keep nobody at their address from logging in.
    """
    key = authorization.partition(" ")[2].strip()[: CONSTANTS.TOKEN_KEY_LENGTH]
    known = key if "\0" not in key and Token.objects.filter(token_key=key).exists() else ""
    tries.begin(f"{tries.BEARER}{known}", f"{tries.BEARER}{address}")


def name_and_password(credentials: str) -> tuple[str, str]:
    """What stands after `Basic ` in a header; raises ValueError for what is no base64 of UTF-8 text."""
    username, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    return username, password


@dataclass(frozen=True)
class Caller:
    """Who came in: the user, the token where one was used, and the session where a cookie told who it is."""

    user: Any
    token: Token | None = None
    session_key: str = ""
    address: str = ""


class NotAdmitted(Exception):
    """A socket is refused before it opens. `status` is 401 (who are you?), 403 (not you, or not from there) or 429.

    `retry_after` (s) is told with the last.
    """

    def __init__(self, status: int, sentence: str, retry_after: int = 0) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after = retry_after


_password_threads = ThreadPoolExecutor(tries.HASHES_AT_ONCE + 1, thread_name_prefix="passwords")


def threads_for(scope: dict[str, Any]) -> ThreadPoolExecutor | None:
    """Where `caller_of_socket` is to run: passwords that have to be hashed wait for each other, and nobody for them."""
    sent = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"").decode("latin-1")
    scheme, _, credentials = sent.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        digest = _digest(*name_and_password(credentials))
    except ValueError:
        return None
    with _lock:
        known = _remembered.get(digest)
    return None if known is not None and known[2] > time.monotonic() else _password_threads


def caller_of_socket(scope: dict[str, Any]) -> Caller:
    """Who opens this socket; raises NotAdmitted. Call it off the event loop: it asks the database.

    A browser sends its cookies, and a password that it remembers, with a socket opened by any page. So a cookie counts
    only from our own origin, and a password from none or our own.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    authorization, origin = headers.get(b"authorization", ""), headers.get(b"origin", "")
    from_here = is_ours(origin, headers.get(b"host", ""))
    address = address_of_socket(scope)
    if authorization:
        try:
            return _caller_of_header(authorization, not origin or from_here, address)
        except LoginPaused as paused:
            raise NotAdmitted(429, paused.message, paused.retry_after) from None
    user = scope.get("user")
    if user is None or not user.is_authenticated:
        raise NotAdmitted(401, "Credentials are needed: HTTP Basic, a bearer token, or a login in this browser.")
    if not from_here:
        raise NotAdmitted(403, ANOTHER_ORIGIN)
    session = scope.get("session")
    return Caller(user, session_key=(session.session_key or "") if session is not None else "", address=address)


def _caller_of_header(authorization: str, takes_passwords: bool, address: str) -> Caller:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        try:
            user, token = Bearer().authenticate_credentials(credentials.strip().encode())
        except AuthenticationFailed as refused:
            count_wrong_token(authorization, address)
            raise NotAdmitted(401, str(refused.detail)) from None
        return Caller(user, token, address=address)
    if scheme.lower() == "basic":
        try:
            username, password = name_and_password(credentials)
        except ValueError:
            raise NotAdmitted(401, "The Basic credentials cannot be read; send base64 of user:password.") from None
        user = check_password(username, password, address)
        if user is not None and not takes_passwords:
            raise NotAdmitted(403, ANOTHER_ORIGIN)
        if user is not None:
            return Caller(user, address=address)
    raise NotAdmitted(401, "User name, password or token is wrong.")


def is_ours(origin: str, host: str) -> bool:
    """Whether a page of this origin is one of ours, or of a site that the settings trust."""
    return bool(origin) and (origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc == host)
