"""Pages for what went wrong: a sentence, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from access.errors import Refused
from rovi_site.api import HINTS


@dataclass(frozen=True)
class Step:
    words: str
    address: str


# As rest_framework names them.
CODES = {400: "bad_request", 403: "permission_denied", 404: "not_found"}
FLEET = Step("Show the fleet", "/")
STATUS = Step("Show the status", "/status")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "This request cannot be read", _sentence(exception, "Go back and try another way."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = _sentence(exception, "Your account's role does not allow this. Ask an administrator.")
    return _answer(request, 403, "Your account may not do this", sentence)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose secret is missing or old, as after logging in again in another tab."""
    return _answer(
        request, 403, "This form is out of date", "Reload the page that it stands on and send it again.",
        steps=[Step("Reload the page", request.path), FLEET],
    )  # fmt: skip


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, Refused):
        return refused(request, exception)
    sentence = _sentence(exception, f"Nothing is at {request.path}.")
    return _answer(request, 404, "Not found", sentence)


def server_error(request: HttpRequest) -> HttpResponse:
    """Without context processors, session or database: any of them may be what failed."""
    if _wants_json(request):
        return JsonResponse(
            {"error": {"code": "server_error", "message": "The server failed.", "hint": "See the server's log."}},
            status=500,
        )
    if _wants_detail(request):
        return JsonResponse({"detail": "The server failed; see its log."}, status=500)
    return HttpResponse(render_to_string("500.html"), status=500)


def refused(request: HttpRequest, error: Refused, near: list[str] | None = None) -> HttpResponse:
    """The page of a refusal that a verb or query has worded."""
    title = "Not found" if error.status == 404 else "This was not done"
    sentence = error.message if near else f"{error.message} {error.hint}".strip()
    return _answer(request, error.status, title, sentence, near=near)


def _answer(
    request: HttpRequest, status: int, title: str, sentence: str, *, near: list[str] | None = None,
    steps: list[Step] | None = None,
) -> HttpResponse:  # fmt: skip
    if _wants_json(request):
        error = {"code": CODES.get(status, "refused"), "message": sentence, "hint": HINTS.get(status, "")}
        return JsonResponse({"error": error}, status=status)
    if _wants_detail(request):
        return JsonResponse({"detail": sentence}, status=status)
    context: dict[str, Any] = {
        "status": status, "title": title, "sentence": sentence, "near": near, "steps": steps or [FLEET, STATUS],
    }  # fmt: skip
    return render(request, "pages/error.html", context, status=status)


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _wants_detail(request: HttpRequest) -> bool:
    """Clients of the seed paths know this one shape."""
    return request.path.startswith(("/db/", "/online/", "/prognosis/", "/fleet/"))


def _sentence(exception: Exception, otherwise: str) -> str:
    first = exception.args[0] if exception.args else ""
    return str(first) if isinstance(first, str) and first else otherwise
