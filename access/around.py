"""What goes around a request, in a thread or on the event loop. No records here: logging loads it before they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

Finish = Callable[[HttpResponse], HttpResponse]


class AroundRequest:
    """A middleware that waits for nothing itself, so that it serves both kinds of views where they run.

    `around(request)` is entered before the view, and gives what is called with its answer.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def around(self, request: HttpRequest) -> AbstractContextManager[Finish]:
        raise NotImplementedError

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self):
            return self._answer_async(request)  # type: ignore[attr-defined]  # the check narrows to a function
        with self.around(request) as finish:
            return finish(self.get_response(request))  # type: ignore[arg-type]  # a response, in a thread

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        with self.around(request) as finish:
            return finish(await self.get_response(request))  # type: ignore[misc]
