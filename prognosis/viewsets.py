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

from access.auditing import note
from access.permissions import OnlyAdministrators, ViewerReadsEngineerWrites
from datahub.exports import CSV, PARQUET, Format
from datahub.negotiation import CsvRenderer, ParquetRenderer, RowsNegotiation
from datahub.queries import battery_named
from prognosis.errors import NoResult
from prognosis.forecasting.runs import delete_run, kind_of, request_run, run_again, usual_way
from prognosis.group_serializers import ScoreSerializer
from prognosis.models import Forecaster, ForecastRun
from prognosis.queries import as_csv, as_lists, latest_runs, result_bytes, result_of
from prognosis.registration import (
    disable_forecaster,
    enable_forecaster,
    register_built_in,
    register_forecaster,
)
from prognosis.requests import load_of_request, way_asked, with_json_read
from prognosis.scoring.table import scores_by_horizon, scores_of_forecasters, scores_of_run
from prognosis.serializers import (
    ForecasterSerializer,
    ForecasterWithScriptSerializer,
    ForecastRequestSerializer,
    ForecastSerializer,
    ForecastWithResultSerializer,
    RegistrationSerializer,
)
from prognosis.states import ForecasterKind

BATTERY = OpenApiParameter("battery", str, description="Its name: scores of this battery alone.")
BY_HORIZON = OpenApiParameter("by_horizon", bool, description="Each range of horizons by itself.")


class ForecasterViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Scripts that forecast, each version a record. Registering a name again makes its next version."""

    queryset = Forecaster.objects.select_related("registered_by").prefetch_related("served", "files")
    permission_classes = (ViewerReadsEngineerWrites,)
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    filterset_fields = ("name", "kind", "state", "is_current", "served__battery_name")
    search_fields = ("name", "served__battery_name", "last_error")
    ordering_fields = ("id", "name", "version", "registered")

    def get_permissions(self) -> list[Any]:
        return [OnlyAdministrators()] if self.action == "destroy" else list(super().get_permissions())

    def get_serializer_class(self) -> type[ForecasterSerializer]:
        return ForecasterWithScriptSerializer if self.action == "retrieve" else ForecasterSerializer

    @extend_schema(request=RegistrationSerializer, responses={201: ForecasterSerializer})
    def create(self, request: Request) -> Response:
        """Stores a version and queues a script's first loading; `state` becomes ready or failed.

        A built-in kind is ready at once: it is then what forecasts for these batteries by default.
        """
        asked = RegistrationSerializer(data=_as_map(request))
        asked.is_valid(raise_exception=True)
        given = {**asked.validated_data, "registered_by": request.user}
        if given.pop("kind", ForecasterKind.SCRIPT) == ForecasterKind.SCRIPT:
            given.pop("options", None)
            forecaster = register_forecaster(**given)
        else:
            given.pop("files", None)
            forecaster = register_built_in(**given, kind=asked.validated_data["kind"])
        return Response(ForecasterSerializer(forecaster).data, status=201)

    @extend_schema(request=None, responses=ForecasterSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """It makes no forecast from now on; who asks it is told so, and what it made stays."""
        forecaster = self.get_object()
        disable_forecaster(forecaster)
        return Response(ForecasterSerializer(forecaster).data)

    @extend_schema(request=None, responses=ForecasterSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """It may be asked again."""
        forecaster = self.get_object()
        enable_forecaster(forecaster)
        return Response(ForecasterSerializer(forecaster).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes this version; forecasts that it made stay, and tell which it was."""
        self.get_object().delete()
        return Response(status=204)

    @extend_schema(parameters=[BATTERY, BY_HORIZON], responses=ScoreSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def scores(self, request: Request) -> Response:
        """How every forecaster's stored forecasts did against what was estimated later, the best first.

        Of the whole fleet, or of one battery; all horizons together, or each range of them by itself.
        """
        name = request.query_params.get("battery", "")
        battery = battery_named(name) if name else None
        is_apart = request.query_params.get("by_horizon", "").lower() in ("1", "true", "yes")
        found = scores_by_horizon(battery) if is_apart else scores_of_forecasters(battery)
        return Response(ScoreSerializer(found, many=True).data)


class ForecastViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Forecasts that were asked for: what went in, what came out, and why not."""

    queryset = latest_runs()
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    filterset_fields = {
        "battery": ["exact"], "battery__name": ["exact"], "forecaster": ["exact"], "state": ["exact"],
        "kind": ["exact"], "fleet": ["exact"], "comparison": ["exact"], "crossing_q50": ["gte", "lte", "isnull"],
        "crossing_probability": ["gte", "lte"],
    }  # fmt: skip
    search_fields = ("battery__name", "forecaster_name", "error")
    ordering_fields = ("id", "created", "finished", "seconds", "crossing_q50")

    def get_permissions(self) -> list[Any]:
        return [OnlyAdministrators()] if self.action == "destroy" else list(super().get_permissions())

    def get_serializer_class(self) -> type[ForecastSerializer]:
        return ForecastWithResultSerializer if self.action == "retrieve" else ForecastSerializer

    @extend_schema(request=ForecastRequestSerializer, responses={202: ForecastSerializer})
    def create(self, request: Request) -> Response:
        """Asks for a forecast; read it here once `state` is done.

        Without `kind` and `forecaster` the battery's own forecaster makes it, and where it has none, `auto`.
        """
        asked = ForecastRequestSerializer(data=_as_map(request))
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        battery = battery_named(given["battery"])
        way = way_asked(given)
        if way.forecaster is None and not way.kind:
            way = usual_way(battery, options=way.options, threshold=way.threshold, as_of=way.as_of)
        is_script = kind_of(battery, way) == ForecasterKind.SCRIPT
        load = load_of_request(request, strict=True, resolution=1.0 if is_script else None)
        return self._accepted(request_run(battery, load, request.user, way=way))

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes the forecast with its files and scores; 409 while it is being made."""
        delete_run(self.get_object())
        return Response(status=204)

    @extend_schema(responses=ScoreSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def scores(self, request: Request, pk: str) -> Response:
        """How it did against what was estimated since, by how far ahead; empty before its first time has come."""
        return Response(ScoreSerializer(scores_of_run(self.get_object()), many=True).data)

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
            return _download(result_bytes(run), PARQUET, run)
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


def _as_map(request: Request) -> dict[str, Any]:
    """What was sent, with maps and lists where a form holds their JSON as text."""
    return with_json_read(request.data)


def _download(content: bytes | str, wanted: Format, run: ForecastRun) -> HttpResponse:
    name = f"forecast-{run.pk}{wanted.suffix}"
    note("downloaded", run, note=name)
    return HttpResponse(
        content, content_type=wanted.content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
