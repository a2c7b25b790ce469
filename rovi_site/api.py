"""What all REST answers share: one shape of error, and pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from access.errors import Refused

HINTS = {
    400: "Mend what was sent; the description at /api/docs/ says what this address takes.",
    401: "Send HTTP Basic or a bearer token, or log in.",
    403: "Ask an administrator for a role that allows it.",
    404: "Look at the list that this record belongs to.",
    405: "The API's description at /api/docs/ lists what this address takes.",
    415: "Set the content type that the description at /api/docs/ names.",
    429: "Wait as many seconds as Retry-After says.",
}


class Pages(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """In the words of OpenAPI 3.1: rest_framework says `nullable`, which that has no more."""
        told: dict[str, Any] = super().get_paginated_response_schema(schema)
        for link in ("next", "previous"):
            told["properties"][link] = {"type": ["string", "null"], "format": "uri"}
        return told


def errors_in_one_shape(error: Exception, context: dict[str, Any]) -> Response | None:
    """`{"error": {"code", "message", "hint", "fields"}}` under /api/; elsewhere the shape that seed clients know.

    Always JSON, whatever was asked for: rows as Parquet, say. An error that nobody expected is not caught here: Django
    logs it and answers 500.
    """
    context["request"].accepted_renderer, context["request"].accepted_media_type = (
        JSONRenderer(),
        JSONRenderer.media_type,
    )
    if isinstance(error, Refused):
        set_rollback()
        code, message, hint, fields, status = error.code, error.message, error.hint, error.fields, error.status
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    else:
        if isinstance(error, Http404):
            error = exceptions.NotFound(*error.args)
        elif isinstance(error, PermissionDenied):
            error = exceptions.PermissionDenied(*error.args)
        answer = exception_handler(error, context)
        if answer is None or not isinstance(error, exceptions.APIException):
            return answer
        fields = _fields_of(error)
        code = "fields_refused" if fields else _code_of(error)
        message = "Some fields cannot be taken: " + ", ".join(fields) + "." if fields else _sentence_of(error)
        hint, status = HINTS.get(answer.status_code, ""), answer.status_code
        headers = {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if answer.has_header(name)}
    if context["request"].path.startswith("/api/"):
        body: dict[str, Any] = {"code": code, "message": message, "hint": hint}
        if fields:
            body["fields"] = fields
        return Response({"error": body}, status=status, headers=headers)
    if getattr(context["view"], "complaints_by_field", False):  # its clients know rest_framework's own form
        bare = fields if status == 400 and fields else {"detail": message, **fields}
        return Response(bare, status=status, headers=headers)
    return Response({"detail": fields or message}, status=status, headers=headers)


def _fields_of(error: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(error, exceptions.ValidationError) or not isinstance(error.detail, dict):
        return {}
    return {str(name): complaints for name, complaints in error.detail.items()}  # a list's are named by number


def _code_of(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "refused"


def _sentence_of(error: exceptions.APIException) -> str:
    detail = error.detail
    sentence = " ".join(str(part) for part in detail) if isinstance(detail, list) else str(detail)
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
