"""Each request has an id, which its log lines and its answer carry, and is counted."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

from access.around import AroundRequest, Finish

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what a proxy sends; anything else would be a stranger's text in our log
SECONDS = Histogram(
    "rovi_http_request_seconds",
    "Time from a request to its answer, by the name of the view.",
    ("method", "view", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

request_id: ContextVar[str] = ContextVar("request_id", default="")
log = logging.getLogger("rovi.requests")


class RequestIds(AroundRequest):
    """The first middleware: what it times is the whole."""

    @contextmanager
    def around(self, request: HttpRequest) -> Iterator[Finish]:
        began = _begin(request.headers.get(HEADER, ""))
        yield lambda response: _end(request, response, began)


class SocketIds:
    """An ASGI application around the sockets: what is logged while one is served carries an id, too."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        given = dict(scope["headers"]).get(HEADER.lower().encode(), b"")
        _begin(given.decode("latin-1"))
        await self.application(scope, receive, send)


def _begin(given: str) -> float:
    request_id.set(given if GIVEN.fullmatch(given) else uuid4().hex)
    return time.perf_counter()


def _end(request: HttpRequest, response: HttpResponse, began: float) -> HttpResponse:
    seconds = time.perf_counter() - began
    response.headers[HEADER] = request_id.get()
    view = request.resolver_match.view_name if request.resolver_match else ""
    method = request.method if request.method in KNOWN_METHODS else "other"
    SECONDS.labels(method, view or "none", response.status_code).observe(seconds)
    log.debug("%s %s %d in %.0f ms", method, request.path, response.status_code, 1000 * seconds)
    return response
