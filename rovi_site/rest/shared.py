"""The mixin that the lobby puts before every viewset of the rooms."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from rovi_site.rest.errors import HasChanged, NoSuchFields
from rovi_site.rest.once import Handler, done_once
from rovi_site.rest.tags import is_met, tag_of

FIELDS = "fields"
READS = ("list", "retrieve")
CHANGES = ("partial_update", "update", "destroy")
SECONDS_BETWEEN_LOOKS = "1"  # at a job


def shared(viewset: type[Any]) -> type[Any]:
    """The viewset with all that every answer under /api/ has; its name and description stay its own."""
    first = SharedByRecords if hasattr(viewset, "get_serializer") else Shared
    return type(viewset.__name__, (first, viewset), {"__doc__": viewset.__doc__, "__module__": viewset.__module__})


class Shared:
    """Entity tags and conditional requests, idempotency keys, `?fields=`, and `Location` of what was made."""

    request: Request
    action: str | None
    basename: str

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # a mixin: who comes after has all of these
        method = str(request.method).lower()
        handler = getattr(self, method, None)
        if handler is None:
            return
        if method == "post":
            setattr(self, method, done_once(request, self._telling_where(handler)))
        elif self.action in CHANGES and "If-Match" in request.headers:
            setattr(self, method, self._only_if_unchanged(handler, request.headers["If-Match"]))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if not isinstance(response, Response) or getattr(response, "exception", False):
            return response
        if response.status_code == 200 and request.method != "POST" and self.action is not None:
            tag = self._tag_of(response.data)
            response.headers["ETag"] = tag
            if request.method in ("GET", "HEAD"):
                response.headers.setdefault("Cache-Control", "private, no-cache")
                response.add_post_render_callback(lambda whole: _if_none_match(request, whole, tag))
        return response

    def _tag_of(self, data: Any) -> str:
        is_record = self.action in ("retrieve", "partial_update", "update") and FIELDS not in self.request.query_params
        return tag_of(data, self._changeable(data) if is_record else None)

    def _changeable(self, data: dict[str, Any]) -> list[str]:
        """Fields that a PATCH takes; all of them where there is none and deleting is the only change."""
        if not hasattr(self, "partial_update") or "patch" not in self.http_method_names:  # type: ignore[attr-defined]
            return list(data)
        fields = self.get_serializer().fields  # type: ignore[attr-defined]
        return [name for name in data if name in fields and not fields[name].read_only]

    def _only_if_unchanged(self, handler: Handler, if_match: str) -> Handler:
        """Whoever else changes the record waits until this change is made, and then finds another tag."""

        def change(*args: Any, **kwargs: Any) -> HttpResponseBase:
            with transaction.atomic():
                record = self.get_object()  # type: ignore[attr-defined]
                type(record)._default_manager.select_for_update().get(pk=record.pk)
                asked, self.action = self.action, "retrieve"
                data = self.get_serializer(self.get_object()).data  # type: ignore[attr-defined]
                now = tag_of(data, self._changeable(data))
                self.action = asked
                if not is_met(if_match, now):
                    raise HasChanged(now)
                return handler(*args, **kwargs)

        return change

    def _telling_where(self, handler: Handler) -> Handler:
        """With the `Location` of what was made or, where work goes on, of the job that does it."""

        def make(*args: Any, **kwargs: Any) -> HttpResponseBase:
            response = handler(*args, **kwargs)
            data = getattr(response, "data", None)
            if not isinstance(data, dict):
                return response
            job = data.get("id") if self.basename == "job" else data.get("job")
            if response.status_code == 202 and job is not None:
                response.headers["Location"] = reverse("job-detail", args=[job])
                response.headers["Retry-After"] = SECONDS_BETWEEN_LOOKS
            elif response.status_code == 201 and "id" in data:
                response.headers["Location"] = reverse(f"{self.basename}-detail", args=[data["id"]])
            return response

        return make


class SharedByRecords(Shared):
    """Of viewsets that have a serializer: whoever describes a view by OPTIONS asks whether it has one."""

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        if self.action in READS and FIELDS in self.request.query_params:
            _keep_only(serializer, self.request.query_params[FIELDS])
        return serializer


def _keep_only(serializer: Any, told: str) -> None:
    one: Any = serializer.child if isinstance(serializer, ListSerializer) else serializer
    fields = one.fields
    wanted = {name.strip() for name in told.split(",")}
    strange = sorted(wanted - set(fields))
    if strange:
        raise NoSuchFields(strange, list(fields))
    for name in set(fields) - wanted:
        fields.pop(name)


def _if_none_match(request: Request, response: HttpResponse, tag: str) -> HttpResponse:
    """Django's rule for conditional requests; If-Match of a GET is not asked for here."""
    if "If-None-Match" not in request.headers:
        return response
    found = get_conditional_response(request._request, etag=tag, response=response)
    return found or response
