"""The seed paths: register a battery, upload rows, list what there is, in the shapes that ROVI's client knows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import MayUpload, ViewerReadsOperatorWrites
from datahub import queries
from datahub.bodies import json_of
from datahub.errors import RecordsRefused
from datahub.registration import register_battery
from datahub.rendering import PlainJsonRenderer
from datahub.uploading import store_body

ROWS = {
    "description": "A list of records, a map of column to value each; or a map of column to list of values.",
    "anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}],
}
PARTIAL = OpenApiParameter("partial", bool, description="Store the good records even where others cannot be.")


class RegisterBattery(APIView):
    """Registers a battery by its metadata, or describes one anew."""

    permission_classes = (ViewerReadsOperatorWrites,)

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.STR, 422: OpenApiResponse(description="No BatteryMetadata; wrong fields by path")},
        description="The body is a BatteryMetadata document of battery-data-toolkit, the answer the battery's name.",
    )
    def post(self, request: Request) -> Response:
        return Response(register_battery(json_of(request._request)).name)


class UploadRows(APIView):
    """Stores rows in bulk. The same address takes a WebSocket, which is quicker and acknowledges as it goes."""

    permission_classes = (MayUpload,)

    @extend_schema(
        request={"application/json": ROWS, "application/msgpack": bytes, "text/csv": bytes},
        parameters=[PARTIAL],
        responses={200: OpenApiTypes.INT, 413: OpenApiResponse(description="The body is too large")},
        description="The body is a list of records: a map of column to value each. The answer is how many they were.",
    )
    def post(self, request: Request, name: str) -> Response:
        partial = wants_partial(request)
        try:
            uploaded = store_body(request._request, name, partial)
        except RecordsRefused as refused:
            return Response({"detail": [rejection.as_map() for rejection in refused.rejections]}, status=422)
        return Response(uploaded.as_map() if partial else uploaded.records)


class Stats(APIView):
    """What is stored of each battery."""

    permission_classes = (ViewerReadsOperatorWrites,)
    renderer_classes = (PlainJsonRenderer,)

    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        description="A map of battery name to has_metadata, has_data, has_estimator and data_stats (rows, columns).",
    )
    def get(self, request: Request) -> Response:
        stats: dict[str, Any] = queries.stats()
        return Response(stats)


def wants_partial(request: Request) -> bool:
    return request.query_params.get("partial", "").lower() in ("1", "true", "yes")
