"""Doors of pages: a session or HTTP Basic, and a role."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from access.addresses import address_of
from access.authentication import check_password, name_and_password
from access.roles import Role, role_of
from access.tries import LoginPaused


def page_for(role: Role) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Lets only callers of at least `role` see a page; others log in, or are told which role it needs."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "HTTP_AUTHORIZATION" in request.META and not request.user.is_authenticated:
                try:
                    user = _user_of_basic(request)
                except LoginPaused as paused:
                    return HttpResponse(paused.message, status=429, headers={"Retry-After": str(paused.retry_after)})
                if user is None:
                    return HttpResponse(
                        "User name or password is wrong.",
                        status=401,
                        headers={"WWW-Authenticate": 'Basic realm="ROVI"'},
                    )
                request.user = user
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            need(role, request, "This page")
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def need(role: Role, request: HttpRequest, what: str) -> None:
    """Raises PermissionDenied, in a sentence, where the caller has less than this role."""
    own = role_of(request.user)
    if own < role:
        raise PermissionDenied(f"{what} needs the role {role.group}; your account {own.meaning}. Ask an administrator.")


def _user_of_basic(request: HttpRequest) -> Any | None:
    scheme, _, credentials = request.META["HTTP_AUTHORIZATION"].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, password = name_and_password(credentials)
    except ValueError:
        return None
    return check_password(username, password, address_of(request))
