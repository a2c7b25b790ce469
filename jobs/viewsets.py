"""Jobs and workers over REST: list, follow, cancel, retry."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import queue
from jobs.models import Job, Worker
from jobs.serializers import JobSerializer, WorkerSerializer


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


class WorkerViewSet(viewsets.ReadOnlyModelViewSet):
    """Processes that run jobs and estimate health."""

    queryset = Worker.objects.prefetch_related("held_shards")
    serializer_class = WorkerSerializer
    ordering_fields = ("heartbeat", "started")
