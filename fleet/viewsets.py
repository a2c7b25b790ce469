"""Assets and their energy over REST; the same answers as those of the seed paths."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from access.permissions import OnlyAdministrators, ViewerReadsOperatorWrites
from fleet import answers, queries
from fleet.assets import create_asset, delete_asset, update_asset
from fleet.forecasting.asking import Asked as AskedForecasts
from fleet.forecasting.asking import request_forecasts
from fleet.models import Asset, EnergyForecast
from fleet.parameters import END, FORECAST, INTERVAL, KIND, QUARTERS, RESOLUTION, START, TOP, UNITS
from fleet.serializers import (
    AssetSerializer,
    BatchReceiptSerializer,
    BatchSerializer,
    EnergyForecastRequestSerializer,
    EnergyForecastSerializer,
    EnergyScoreSerializer,
    ExpectedSerializer,
    FleetSerializer,
    PostSerializer,
    QuartersSerializer,
    ReceiptSerializer,
    SourceSerializer,
    TopSerializer,
    WholeEnergyForecastSerializer,
)
from fleet.windows import Asked
from jobs.serializers import JobSerializer

CONFIRM = OpenApiParameter("confirm", str, required=True, description="The asset's number once more.")
OF_QUARTER = OpenApiParameter("start", str, required=True, description="Where the quarter begins, or any time in it.")


class AssetViewSet(viewsets.ModelViewSet):
    """What uses energy: ships, meters, batteries. One is made by the first readings of a number."""

    queryset = Asset.objects.all()
    serializer_class = AssetSerializer
    permission_classes = (ViewerReadsOperatorWrites,)
    http_method_names = ("get", "post", "patch", "delete", "head", "options")
    lookup_value_regex = r"\d{1,18}"
    filterset_fields = {"number": ["exact"], "kind": ["exact"], "battery_id": ["exact", "isnull"]}
    search_fields = ("name", "number")
    ordering_fields = ("number", "name", "last_received", "created")

    def get_permissions(self) -> list[Any]:
        if self.action == "destroy":
            return [OnlyAdministrators()]
        return [permission() for permission in self.permission_classes]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Makes an asset; 409 where one of this number exists."""
        asset = create_asset(**self._wishes(request, partial=False))
        return Response(self.get_serializer(asset).data, status=201)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Changes name, kind, price, currency and, of a battery, when its test_time began. The number stays."""
        return Response(self.get_serializer(update_asset(self.get_object(), **self._wishes(request))).data)

    @extend_schema(parameters=[CONFIRM])
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deletes the asset with its readings and its energy, for good."""
        delete_asset(self.get_object(), request.query_params.get("confirm", ""))
        return Response(status=204)

    @extend_schema(parameters=[OF_QUARTER], responses=SourceSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def sources(self, request: Request, pk: str) -> Response:
        """The readings that a quarter is made of, and what each adds to it."""
        asset = self.get_object()
        asked = Asked(request.query_params)
        start = asked.instant("start", required=True)
        asked.refuse_if_wrong()
        return Response(queries.sources_of(asset, queries.quarter_of(start or 0)))

    @extend_schema(responses=EnergyScoreSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def scores(self, request: Request, pk: str) -> Response:
        """How well each model did with the asset in the newest rolling back-test, the best first."""
        found = list(self.get_object().scores.all())
        found.sort(key=lambda score: score.scores.get("quarter_error_kwh", float("inf")))
        return Response(EnergyScoreSerializer(found, many=True).data)

    def _wishes(self, request: Request, *, partial: bool = True) -> dict[str, Any]:
        asked = self.get_serializer(data=request.data, partial=partial)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)


class _Energy(viewsets.ViewSet):
    permission_classes = (ViewerReadsOperatorWrites,)


class ReadingsViewSet(_Energy):
    """Readings come in here."""

    @extend_schema(request=PostSerializer, responses={201: ReceiptSerializer})
    def create(self, request: Request) -> Response:
        """Stores readings of power or energy, at most 10,000; those of a time that is there already are replaced."""
        return Response(answers.receipt(request), status=201)


class BatchesViewSet(_Energy):
    """Readings of many assets come in here."""

    @extend_schema(
        parameters=[UNITS, INTERVAL],
        request={"application/json": BatchSerializer, "text/csv": bytes, "application/vnd.apache.parquet": bytes},
        responses={201: BatchReceiptSerializer},
    )
    def create(self, request: Request) -> Response:
        """Stores readings of many assets: as JSON, or as a file with the columns spaceship_id, datetime and value."""
        return Response(answers.batch_receipt(request), status=201)


class QuartersViewSet(_Energy):
    """Energy by quarter hour."""

    @extend_schema(parameters=QUARTERS, responses=QuartersSerializer)
    def list(self, request: Request) -> Response:
        """Energy of an asset by quarter hour; a quarter counts where it begins in `start <= … < end`."""
        return Response(answers.quarters(request.query_params))


class TopViewSet(_Energy):
    """Who used most."""

    @extend_schema(parameters=[*TOP, KIND], responses=TopSerializer)
    def list(self, request: Request) -> Response:
        """The assets that used most energy in a window, most first. Of a battery it is what was drawn from it."""
        return Response(answers.top(request.query_params, with_kind=True))


class ForecastViewSet(_Energy):
    """What will be used."""

    @extend_schema(parameters=FORECAST, responses=ExpectedSerializer)
    def list(self, request: Request) -> Response:
        """Energy that is expected of an asset in a window, from the quarters that ended before it."""
        return Response(answers.forecast(request.query_params))


class EnergyForecastViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Forecasts of energy that are kept, and held against what happened."""

    queryset = EnergyForecast.objects.select_related("asset")
    serializer_class = EnergyForecastSerializer
    permission_classes = (ViewerReadsOperatorWrites,)
    lookup_value_regex = r"\d{1,18}"
    filterset_fields = {"asset__number": ["exact"], "asset": ["isnull"], "model": ["exact"], "start": ["gte", "lt"]}
    ordering_fields = ("id", "start", "made")

    def get_serializer_class(self) -> Any:
        return WholeEnergyForecastSerializer if self.action == "retrieve" else EnergyForecastSerializer

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        return found if self.action == "retrieve" else found.defer("expected", "low", "high")

    @extend_schema(request=EnergyForecastRequestSerializer, responses={202: JobSerializer})
    def create(self, request: Request) -> Response:
        """Asks for a forecast of one asset, or of each and of all together; one job makes them."""
        given = EnergyForecastRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wishes = given.validated_data
        asked = Asked(wishes)
        start = asked.instant("start", required=False) if wishes.get("start") else None
        asked.refuse_if_wrong()
        job = request_forecasts(
            AskedForecasts(
                model=wishes["model"],
                start=None if start is None else queries.quarter_of(start),
                quarters=wishes["quarters"],
                number=wishes.get("spaceship_id"),
            ),
            request.user,
        )
        return Response(JobSerializer(job).data, status=202, headers={"Location": reverse("job-detail", args=[job.pk])})


class FleetEnergyViewSet(_Energy):
    """All assets together."""

    @extend_schema(parameters=[START, END, RESOLUTION], responses=FleetSerializer)
    def list(self, request: Request) -> Response:
        """Energy of all assets of a kind together, by quarter, day or month."""
        return Response(answers.fleet(request.query_params))
