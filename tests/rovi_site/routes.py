"""Every route of the site, found by walking Django's resolver, and a path that leads to each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """`name` is the pattern itself where the route has none. `methods` is None where the view alone knows them."""

    name: str
    pattern: str
    methods: frozenset[str] | None

    def __str__(self) -> str:
        return f"{self.name} at {self.pattern}"

    def path(self, values: Mapping[str, Any]) -> str:
        """An address of this route; raises KeyError for a parameter that `values` does not have."""
        found = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", self.pattern)  # a regular expression's groups
        found = re.sub(r"[\^$\\]|/\?", "", found)
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: quote(str(values[part[1]])), found)


def all_routes() -> list[Route]:
    return list(_walk(get_resolver()))


def _walk(resolver: Any, before: str = "", space: str = "") -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from _walk(entry, pattern, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            yield Route(f"{space}{entry.name}" if entry.name else pattern, pattern, _methods(entry.callback))


def _methods(view: Any) -> frozenset[str] | None:
    actions = getattr(view, "actions", None)  # of a viewset: method to the name of what handles it
    if actions is not None:
        allowed = view.cls.http_method_names
        return frozenset(method.upper() for method in actions if method in allowed)
    made_from = getattr(view, "view_class", None)
    if made_from is None:
        return None
    names = made_from.http_method_names
    return frozenset(name.upper() for name in names if hasattr(made_from, name) and name not in ("options", "head"))


def ask(client: Client, method: str, path: str) -> HttpResponse:
    """The answer, with nothing of it kept."""
    with transaction.atomic():
        answer = client.generic(method, path, **({"content_type": "application/json"} if method in UNSAFE else {}))
        transaction.set_rollback(True)
    return answer


def is_refused(answer: HttpResponse) -> bool:
    """Sent to the login, or told that this is not for them. 405 tells nothing of what is there, either."""
    to_login = answer.status_code == 302 and answer["Location"].split("?")[0] in ("/login", "/admin/login/")
    return to_login or answer.status_code in (401, 403, 405)


def told(method: str, path: str, caller: str | None, answer: HttpResponse) -> str:
    return f"{method} {path} as {caller}: {answer.status_code} {answer.headers.get('Location', '')}"
