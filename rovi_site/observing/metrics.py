"""The door of /metrics, for Prometheus."""

from __future__ import annotations

import logging
from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from access.addresses import address_of
from access.authentication import count_wrong_token
from access.decorators import page_for
from access.roles import Role
from access.tries import LoginPaused

log = logging.getLogger(__name__)

WHO_MAY = "Metrics need ROVI_METRICS_TOKEN as a bearer token, an address in ROVI_METRICS_NETWORKS, or an account.\n"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if _brings_the_token(request) or _comes_from_a_named_network(request):
        return _answer(request)
    if (wait := _seconds_to_wait(request)) is not None:
        return HttpResponse(WHO_MAY, status=429, content_type="text/plain", headers={"Retry-After": str(wait)})
    if not request.user.is_authenticated and "HTTP_AUTHORIZATION" not in request.META:
        return HttpResponse(
            WHO_MAY, status=401, content_type="text/plain", headers={"WWW-Authenticate": 'Basic realm="ROVI"'}
        )
    return page_for(Role.VIEWER)(_answer)(request)


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _brings_the_token(request: HttpRequest) -> bool:
    scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and compare_digest(given.strip().encode(), wanted.encode())


def _seconds_to_wait(request: HttpRequest) -> int | None:
    """Counts a wrong token as any other. The right one never waits, as it is too long to be guessed (rovi.E002)."""
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if not authorization.lower().startswith("bearer "):
        return None
    try:
        count_wrong_token(authorization, address_of(request))
    except LoginPaused as paused:
        return paused.retry_after
    except DatabaseError:  # what cannot be counted is refused all the same
        log.warning("A wrong token for /metrics cannot be counted.", exc_info=True)
    return None


def _comes_from_a_named_network(request: HttpRequest) -> bool:
    try:
        caller = ip_address(address_of(request))
    except ValueError:
        return False
    return any(caller in network for network in settings.METRICS_NETWORKS)
