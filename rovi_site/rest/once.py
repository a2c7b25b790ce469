"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is answered and not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access import kept_answers
from access.bodies import body_of
from access.kept_answers import KeyTaken
from access.pacing import key_of
from rovi_site.rest.errors import AnswerNotKept, BadKey, KeyOfSomethingElse, StillUnderWay

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST_KEY = 200
KEPT_HEADERS = ("Location", "Retry-After")

Handler = Callable[..., HttpResponseBase]


def done_once(request: Request, handler: Handler) -> Handler:
    """The handler, or for a key that came before, its answer. Raises what `rovi_site.rest.errors` tells of keys.

    Only the answer of what was done is kept. A refusal did nothing, so its key may be used again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return handler
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadKey(LONGEST_KEY)
    token: Any = request.auth
    kind, number = key_of(request.user, token)

    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            claim = kept_answers.claim(f"{kind}:{number}", key, _digest(request))
        except KeyTaken as taken:
            return _answer_again(key, taken)
        try:
            response = handler(*args, **kwargs)
        except BaseException:
            kept_answers.forget(claim)
            raise
        if response.status_code >= 400:
            kept_answers.forget(claim)
        else:
            kept_answers.keep(claim, response.status_code, _kept_headers(response), _body_of(response))
        return response

    return answer


def _answer_again(key: str, taken: KeyTaken) -> HttpResponse:
    if taken.is_another:
        raise KeyOfSomethingElse(key)
    if taken.status is None:
        raise StillUnderWay(key)
    if taken.body is None:
        raise AnswerNotKept(key)
    content_type = "application/json" if taken.body else None
    return HttpResponse(taken.body, content_type, taken.status, headers={**taken.headers, REPLAYED: "true"})


def _digest(request: Request) -> str:
    """Of what is asked for: where, and with which body. Files are read in pieces, wherever Django has put them."""
    content_type = (request.content_type or "").partition(";")[0]
    found = hashlib.sha256(f"{request.method} {request.get_full_path()}\n{content_type}\n".encode())
    if content_type != "multipart/form-data":
        found.update(body_of(request._request))
        return found.hexdigest()
    form: Any = request.data
    for name, values in sorted(form.lists()):
        for value in values:
            found.update(f"\n{name}\n{len(value)}\n".encode())
            for piece in value.chunks() if hasattr(value, "chunks") else (str(value).encode(),):
                found.update(piece)
            if hasattr(value, "seek"):
                value.seek(0)
    return found.hexdigest()


def _kept_headers(response: HttpResponseBase) -> dict[str, str]:
    return {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}


def _body_of(response: HttpResponseBase) -> bytes | None:
    """None where it is not to be stored, as where a token is told."""
    if "no-store" in response.get("Cache-Control", ""):
        return None
    if isinstance(response, Response):
        return b"" if response.data is None else JSONRenderer().render(response.data)
    assert isinstance(response, HttpResponse), "what a POST answers is no stream"
    return response.content
