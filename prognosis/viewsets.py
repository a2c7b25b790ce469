"""Forecasters and forecasts over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import ViewerReadsEngineerWrites
from datahub.exports import CSV, PARQUET, Format
from datahub.negotiation import CsvRenderer, ParquetRenderer, RowsNegotiation
from datahub.queries import battery_named
from prognosis.errors import NoResult
from prognosis.forecasting.runs import request_run, run_again
from prognosis.models import Forecaster, ForecastRun
from prognosis.queries import as_csv, as_lists, latest_runs, result_of
from prognosis.registration import register_forecaster
from prognosis.requests import load_of_request
from prognosis.serializers import (
    ForecasterSerializer,
    ForecasterWithScriptSerializer,
    ForecastRequestSerializer,
    ForecastSerializer,
    ForecastWithResultSerializer,
    RegistrationSerializer,
)


class ForecasterViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Scripts that forecast, each version a record. Registering a name again makes its next version."""

    queryset = Forecaster.objects.select_related("registered_by").prefetch_related("served", "files")
    permission_classes = (ViewerReadsEngineerWrites,)
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    filterset_fields = ("name", "state", "is_current", "served__battery_name")
    search_fields = ("name", "served__battery_name", "last_error")
    ordering_fields = ("id", "name", "version", "registered")

    def get_serializer_class(self) -> type[ForecasterSerializer]:
        return ForecasterWithScriptSerializer if self.action == "retrieve" else ForecasterSerializer

    @extend_schema(request=RegistrationSerializer, responses={201: ForecasterSerializer})
    def create(self, request: Request) -> Response:
        """Stores a version and queues its first loading; `state` becomes ready or failed."""
        asked = RegistrationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        forecaster = register_forecaster(**asked.validated_data, registered_by=request.user)
        return Response(ForecasterSerializer(forecaster).data, status=201)


class ForecastViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Forecasts that were asked for: what went in, what came out, and why not."""

    queryset = latest_runs()
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    filterset_fields = ("battery", "battery__name", "forecaster", "state")
    search_fields = ("battery__name", "forecaster_name", "error")
    ordering_fields = ("id", "created", "finished", "seconds")

    def get_serializer_class(self) -> type[ForecastSerializer]:
        return ForecastWithResultSerializer if self.action == "retrieve" else ForecastSerializer

    @extend_schema(request=ForecastRequestSerializer, responses={202: ForecastSerializer})
    def create(self, request: Request) -> Response:
        """Asks for a forecast; read it here once `state` is done."""
        asked = ForecastRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        run = request_run(
            battery_named(asked.validated_data["battery"]),
            load_of_request(request),
            request.user,
            forecaster=asked.validated_data.get("forecaster"),
        )
        return self._accepted(run)

    @extend_schema(request=None, responses={202: ForecastSerializer})
    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: str) -> Response:
        """Asks for the same load again, from the newest estimates."""
        return self._accepted(run_again(self.get_object(), request.user))

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=["json", "csv", "parquet"], description="Or by Accept.")],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(
        detail=True,
        renderer_classes=[JSONRenderer, CsvRenderer, ParquetRenderer],
        content_negotiation_class=RowsNegotiation,
    )
    def result(self, request: Request, pk: str) -> Response | HttpResponse:
        """The columns of load and forecast: JSON, or with `?format=` a CSV or Parquet file."""
        run = self.get_object()
        if not run.result_file:
            raise NoResult(run.pk, run.state_now)
        wanted = request.accepted_renderer.format
        if wanted == PARQUET.name:
            with run.result_file.open("rb") as file:
                return _download(file.read(), PARQUET, run)
        if wanted == CSV.name:
            return _download(as_csv(result_of(run)), CSV, run)
        return Response(as_lists(result_of(run)))

    def get_queryset(self) -> QuerySet[ForecastRun]:
        return latest_runs()

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(response, "exception", False):  # a refusal is JSON, whatever the result would have been
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)

    def _accepted(self, run: ForecastRun) -> Response:
        return Response(ForecastSerializer(run).data, status=202)


def _download(content: bytes | str, wanted: Format, run: ForecastRun) -> HttpResponse:
    name = f"forecast-{run.pk}{wanted.suffix}"
    return HttpResponse(
        content, content_type=wanted.content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
