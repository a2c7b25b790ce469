"""What a request does is noted as its caller's doing (access.auditing)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from access.around import AroundRequest, Finish
from access.auditing import deed_of, doing


class WhoActs(AroundRequest):
    @contextmanager
    def around(self, request: HttpRequest) -> Iterator[Finish]:
        with doing(deed_of(request)):
            yield lambda response: response
