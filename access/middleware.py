"""What a request does is noted as its caller's doing (access.auditing)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from access.auditing import deed_of, doing


class WhoActs:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self):
            return self._answer_async(request)  # type: ignore[attr-defined]  # the check narrows to a function
        with doing(deed_of(request)):
            return self.get_response(request)

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        with doing(deed_of(request)):
            return await self.get_response(request)  # type: ignore[misc]
