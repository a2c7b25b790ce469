"""Jobs and workers over REST: list, follow, cancel, retry."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import OnlyAdministrators
from access.streams import watched
from jobs import queue
from jobs.draining import drain
from jobs.errors import TooManyFollow
from jobs.following import Stream, followers, mark_of
from jobs.models import Job, Worker
from jobs.serializers import JobSerializer, WorkerSerializer

LAST = OpenApiParameter(
    "Last-Event-ID", str, OpenApiParameter.HEADER, description="Of the event seen last: it is not told again."
)


class EventStream(JSONRenderer):
    """Told in the Accept header. What is sent are `jobs.following`'s lines; JSON is what OPTIONS tells."""

    media_type = "text/event-stream"
    format = "event-stream"


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Work that runs in the background, its progress, log and outcome."""

    queryset = Job.objects.select_related("worker", "requested_by")
    serializer_class = JobSerializer
    filterset_fields = ("kind", "state", "subject")
    search_fields = ("title", "subject", "error")
    ordering_fields = ("id", "created", "finished", "state")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "with_log": self.action == "retrieve"}

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ends a queued job now; asks a running one to stop."""
        return Response(self.get_serializer(queue.cancel(self.get_object(), request.user.get_username())).data)

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Queues a failed or cancelled job anew; answers the new job."""
        return Response(self.get_serializer(queue.retry(self.get_object(), request.user)).data, status=202)

    @extend_schema(parameters=[LAST], responses={(200, "text/event-stream"): OpenApiTypes.STR, 204: None})
    @action(detail=True, renderer_classes=[EventStream])
    def events(self, request: Request, pk: str) -> HttpResponse | StreamingHttpResponse:
        """The job as it goes on, as server-sent events: `progress` at each change, then `end`, which is the last.

        Each holds `id`, `state`, `progress` (0 to 1), `message` and `error` as JSON. A comment comes at least every
        10 s. Who has seen the end and comes again is answered 204, which tells an EventSource to stop.
        """
        job = self.get_object()
        last = request.headers.get("Last-Event-ID", "")
        stream = Stream(job)
        if job.has_ended and mark_of(stream.told_now) == last:
            return HttpResponse(status=204)
        leave = None
        if not job.has_ended:
            leave = watched(request, stream.end)
            try:
                followers.join(stream)
            except TooManyFollow:
                leave()
                raise

        async def lines() -> AsyncIterator[str]:
            try:
                async for line in stream.lines(last):
                    yield line
            finally:
                gone()

        response = StreamingHttpResponse(
            lines(), content_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        gone = weakref.finalize(response, _gone, stream, leave)  # also where nobody has stayed to read
        return response


def _gone(stream: Stream, leave: Callable[[], None] | None) -> None:
    followers.leave(stream)
    if leave is not None:
        leave()


class WorkerViewSet(viewsets.ReadOnlyModelViewSet):
    """Processes that run jobs and estimate health."""

    queryset = Worker.objects.prefetch_related("held_shards")
    serializer_class = WorkerSerializer
    ordering_fields = ("heartbeat", "started")

    @extend_schema(request=None, responses={202: WorkerSerializer})
    @action(detail=True, methods=["post"], permission_classes=[OnlyAdministrators])
    def drain(self, request: Request, pk: str) -> Response:
        """Lets it finish what it has, take nothing new, and end; `stopped` tells when it has."""
        worker = self.get_object()
        drain(worker)
        return Response(self.get_serializer(worker).data, status=202)
