"""What every answer carries, the content security policy among it; and what no address may hold."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from access.around import AroundRequest, Finish

MOST_DIGITS = 18
# Nothing inline, nothing from another host: a battery's name that holds a script tag is text and stays text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

POWERS = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{power}=()" for power in POWERS)


class ContentSecurityPolicy(AroundRequest):
    def around(self, request: HttpRequest) -> AbstractContextManager[Finish]:
        return nullcontext(_with_policies)


def _with_policies(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response


class RefuseOddAddresses(MiddlewareMixin):
    """NUL, which no name holds and PostgreSQL fails on; ids too large for a database, which the admin would look up."""

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "%00" in query:
            raise BadRequest("An address holds no NUL character.")
        if query and request.path_info.startswith("/admin/"):
            for name, values in request.GET.lists():
                if name != "q" and any(len(value) > MOST_DIGITS and value.isdecimal() for value in values):
                    raise BadRequest(f"The number in {name!r} of this address is larger than any here.")
