"""Fleet forecasts and comparisons of loads over REST."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import OnlyAdministrators
from datahub.negotiation import CsvRenderer, RowsNegotiation
from datahub.queries import battery_named
from prognosis.errors import GroupGoesOn
from prognosis.fleet_table import as_csv, rows_of
from prognosis.forecasting.groups import Chosen, GroupAsk, named_loads_from, request_comparison, request_fleet
from prognosis.forecasting.runs import Way
from prognosis.group_serializers import (
    ComparisonRequestSerializer,
    ComparisonSerializer,
    FleetForecastSerializer,
    FleetRequestSerializer,
    FleetRowSerializer,
)
from prognosis.models import Comparison, FleetForecast
from prognosis.requests import load_of_request, with_json_read
from prognosis.states import ForecasterKind

FORMAT = OpenApiParameter("format", str, enum=["json", "csv"], description="Or by Accept.")


class _GroupViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet
):
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    ordering_fields = ("id", "created")
    search_fields = ("title",)

    def get_permissions(self) -> list[Any]:
        return [OnlyAdministrators()] if self.action == "destroy" else list(super().get_permissions())

    def perform_destroy(self, instance: FleetForecast | Comparison) -> None:
        if not instance.has_ended:
            raise GroupGoesOn(str(instance))
        instance.delete()


class FleetForecastViewSet(_GroupViewSet):
    """Forecasts of many batteries under one load, made by one job."""

    queryset = FleetForecast.objects.select_related("job", "requested_by")
    serializer_class = FleetForecastSerializer
    filterset_fields = ("kind",)

    @extend_schema(request=FleetRequestSerializer, responses={202: FleetForecastSerializer})
    def create(self, request: Request) -> Response:
        """Asks for a forecast of each battery that is named, or whose name holds a text, or of all. One job makes them.

        One that fails does not end the others; it is listed with its reason.
        """
        asked = FleetRequestSerializer(data=with_json_read(request.data))
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        load = load_of_request(request, strict=True, resolution=None)
        chosen = Chosen(given.get("batteries", ()), given.get("search", ""))
        fleet = request_fleet(chosen, load, _group_asked(given, ForecasterKind.AUTO), request.user)
        return Response(FleetForecastSerializer(fleet).data, status=202)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deletes it with all of its forecasts; 409 while they are being made."""
        return super().destroy(request, *args, **kwargs)

    @extend_schema(
        parameters=[FORMAT],
        responses={(200, "application/json"): FleetRowSerializer(many=True), (200, "text/csv"): OpenApiTypes.BINARY},
        filters=False,
    )
    @action(
        detail=True,
        pagination_class=None,
        renderer_classes=[JSONRenderer, CsvRenderer],
        content_negotiation_class=RowsNegotiation,
    )
    def batteries(self, request: Request, pk: str) -> Response | HttpResponse:
        """Its batteries, the soonest to cross the threshold first, those that failed last; or a CSV of them."""
        fleet = self.get_object()
        rows = rows_of(fleet)
        if request.accepted_renderer.format == "csv":
            name = f"fleet-forecast-{fleet.pk}.csv"
            return HttpResponse(
                as_csv(rows),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        return Response(FleetRowSerializer(rows, many=True).data)


class ComparisonViewSet(_GroupViewSet):
    """Several loads put to one battery, to see what each does to its health."""

    queryset = Comparison.objects.select_related("battery", "job", "requested_by").prefetch_related(
        "runs__battery", "runs__forecaster", "runs__job", "runs__requested_by"
    )
    serializer_class = ComparisonSerializer
    filterset_fields = ("battery", "battery__name", "kind")

    @extend_schema(request=ComparisonRequestSerializer, responses={202: ComparisonSerializer})
    def create(self, request: Request) -> Response:
        """Asks for a forecast of one battery under each of two to eight named loads, all from the same past."""
        body = with_json_read(request.data)
        asked = ComparisonRequestSerializer(data=body)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        comparison = request_comparison(
            battery_named(given["battery"]),
            named_loads_from(body["loads"]),
            _group_asked(given, ForecasterKind.AGEING),
            request.user,
        )
        return Response(ComparisonSerializer(comparison).data, status=202)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deletes it with its forecasts; 409 while they are being made."""
        return super().destroy(request, *args, **kwargs)


def _group_asked(given: dict[str, Any], kind: str) -> GroupAsk:
    way = Way(
        kind=given.get("kind", kind), options=given.get("options") or {}, threshold=given.get("threshold"),
        as_of=given.get("as_of"),
    )  # fmt: skip
    return GroupAsk(given.get("title", ""), way)
