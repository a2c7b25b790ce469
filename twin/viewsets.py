"""Estimators, their estimates and the presets over REST."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import ViewerReadsAdministratorWrites, ViewerReadsEngineerWrites
from datahub.downloads import stream
from datahub.exports import CSV, PARQUET
from datahub.negotiation import CsvRenderer, ParquetRenderer, RowsNegotiation
from datahub.windows import Window, flag, whole, window_of
from twin.exports import as_csv, as_lists, as_parquet, as_records, columns_of_block
from twin.models import Estimator, VersionChange
from twin.provenance import provenance
from twin.queries import estimates, with_all_it_takes
from twin.recompute import recompute_from
from twin.registration import register_estimator, retry_estimator
from twin.results import delete_results, results_of
from twin.serializers import (
    EstimatorInFullSerializer,
    EstimatorSerializer,
    FollowSerializer,
    LostSerializer,
    PresetSerializer,
    RecomputeSerializer,
    RegistrationSerializer,
    VersionChangeSerializer,
)
from twin.versions import follow, promote, roll_back, stop_following

ESTIMATES_OF_A_PAGE = 1000
MOST_POINTS = 20_000
FILES = {CSV.name: (CSV, as_csv), PARQUET.name: (PARQUET, as_parquet)}

START = OpenApiParameter("start", float, description="Least test_time, s.")
END = OpenApiParameter("end", float, description="test_time before which estimates end, s.")
AFTER = OpenApiParameter("after", int, description="Only what comes after the estimate of this row_id: the cursor.")
LIMIT = OpenApiParameter("limit", int, description="Most estimates; JSON 1,000 and files all when left out.")
FORMAT = OpenApiParameter("format", str, enum=["json", *FILES], description="Or by the Accept header.")
EVEN_IF_CURRENT = OpenApiParameter("even_if_current", bool, description="Also where the version is the current one.")
ROW = OpenApiParameter("row_id", int, OpenApiParameter.PATH, description="Of the row that was estimated.")
POINTS = OpenApiParameter("points", int, description="About so many points; 2,000 when left out.")


class EstimatorViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """What turns a battery's rows into health: scripts and the built-in filter, each version a record."""

    queryset = Estimator.objects.none()
    permission_classes = (ViewerReadsEngineerWrites,)
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    lookup_value_regex = r"\d+"
    filterset_fields = (
        "battery",
        "battery__name",
        "kind",
        "state",
        "is_current",
        "followed",
        "version",
        "progress__is_inconsistent",
    )
    search_fields = ("battery__name", "last_error")
    ordering_fields = ("id", "battery__name", "version", "registered")

    def get_queryset(self) -> QuerySet[Estimator]:
        found = with_all_it_takes().select_related("registered_by").prefetch_related("files")
        return found if self.action == "retrieve" else found.defer("parameters", "traceback", "script_output")

    def get_serializer_class(self) -> type[EstimatorSerializer]:
        return EstimatorInFullSerializer if self.action == "retrieve" else EstimatorSerializer

    @extend_schema(request=RegistrationSerializer, responses={201: EstimatorSerializer})
    def create(self, request: Request) -> Response:
        """Registers the next version: a script, which a worker then loads, or the built-in filter."""
        asked = RegistrationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wishes = asked.validated_data
        estimator = register_estimator(battery_name=wishes.pop("battery"), **wishes, registered_by=request.user)
        return self._answer(estimator, status=201)

    @extend_schema(request=None, responses=EstimatorSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Lets a failed one go on at the row where it stopped, or load again."""
        return self._answer(retry_estimator(self.get_object(), request.user))

    @extend_schema(request=None, responses=EstimatorSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Makes this version's estimates the battery's; the one that was current stands still from then on."""
        return self._answer(promote(self.get_object(), request.user))

    @extend_schema(request=None, responses=EstimatorSerializer, deprecated=True)
    @action(detail=True, methods=["post"], url_path="make-current")
    def make_current(self, request: Request, pk: str) -> Response:
        """The same as `promote`."""
        return self._answer(promote(self.get_object(), request.user))

    @extend_schema(request=None, responses=EstimatorSerializer)
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request, pk: str) -> Response:
        """Makes that version current again whose place this one took; answers with that version."""
        return self._answer(roll_back(self.get_object(), request.user))

    @extend_schema(request=FollowSerializer, responses=EstimatorSerializer)
    @action(detail=True, methods=["post"])
    def follow(self, request: Request, pk: str) -> Response:
        """Lets workers step this version, too, although another one is current."""
        asked = FollowSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return self._answer(follow(self.get_object(), asked.validated_data["promote_when_caught_up"]))

    @extend_schema(request=None, responses=EstimatorSerializer)
    @action(detail=True, methods=["post"], url_path="stop-following")
    def stop_following(self, request: Request, pk: str) -> Response:
        """Lets this version stand still unless it is current; what it has estimated stays."""
        return self._answer(stop_following(self.get_object()))

    @extend_schema(request=RecomputeSerializer, responses={202: EstimatorSerializer})
    @action(detail=True, methods=["post"])
    def recompute(self, request: Request, pk: str) -> Response:
        """Has the estimates from a test time on made anew, beside those that are shown until then.

        It begins at the newest kept checkpoint before that time; `recomputation` tells how far it has come.
        """
        estimator = self.get_object()
        asked = RecomputeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return self._answer(recompute_from(estimator, asked.validated_data["from_time"]), status=202)

    @extend_schema(responses=LostSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, permission_classes=[ViewerReadsAdministratorWrites])
    def results(self, request: Request, pk: str) -> Response:
        """What deleting this version's results would delete: its estimates, and forecasts made from them."""
        return _lost(results_of(self.get_object()))

    @extend_schema(parameters=[EVEN_IF_CURRENT], responses={200: LostSerializer(many=True)}, filters=False)
    @results.mapping.delete
    def delete_results(self, request: Request, pk: str) -> Response:
        """Deletes them for good and tells how much that was. The version stays, and can be followed from the first row.

        The current version's are deleted only with `even_if_current`; it begins at the first row again.
        """
        even = flag(request.query_params, "even_if_current")
        return _lost(delete_results(self.get_object(), even_if_current=even))

    @extend_schema(parameters=[ROW], responses=OpenApiTypes.OBJECT)
    @action(detail=True, url_path=r"estimates/(?P<row_id>\d{1,18})/provenance")
    def provenance(self, request: Request, pk: str, row_id: str) -> Response:
        """Where the estimate of a row comes from: version, script, parameters, files, libraries, rows used, checkpoint.

        `rows.used` counts rows in order of test_time up to this one; `checkpoint` is the newest kept one before it;
        `recomputed` tells of late rows that had it made anew, or is null.
        """
        known = Estimator.objects.select_related("battery", "progress", "registered_by")
        return Response(provenance(known.get(pk=self.get_object().pk), int(row_id)))

    @extend_schema(
        parameters=[START, END, AFTER, LIMIT, FORMAT],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(
        detail=True,
        renderer_classes=[JSONRenderer, CsvRenderer, ParquetRenderer],
        content_negotiation_class=RowsNegotiation,
    )
    def estimates(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """Estimates in order of time: means, standard deviations, covariances, and how well each row was predicted.

        `next_after` of the JSON answer is the cursor for what comes next; null when these were the last.
        """
        estimator = self.get_object()
        window = window_of(request.query_params)
        if request.accepted_renderer.format in FILES:
            wanted, pieces = FILES[request.accepted_renderer.format]
            name = f"estimates-{estimator.pk}{wanted.suffix}"
            return stream(request._request, pieces(estimator, window), wanted.content_type, name, estimator)
        limit = window.limit or ESTIMATES_OF_A_PAGE
        block = estimates(estimator, start=window.start, end=window.end, after_row=window.after, limit=limit + 1)
        records = as_records(columns_of_block(block))
        more = len(records) > limit
        return Response({"next_after": records[limit - 1]["row_id"] if more else None, "results": records[:limit]})

    @extend_schema(parameters=[START, END, POINTS], responses=OpenApiTypes.OBJECT)
    @action(detail=True, url_path="estimates/chart")
    def chart(self, request: Request, pk: str) -> Response:
        """The same as columns, so few that a browser draws them at once, and chosen so that their shape is kept."""
        estimator = self.get_object()
        window: Window = window_of(request.query_params)
        points = whole(request.query_params, "points", 2, MOST_POINTS) or 2000
        block = estimates(estimator, start=window.start, end=window.end, points=points)
        return Response({"estimates": estimator.progress.rows_stepped, "columns": as_lists(columns_of_block(block))})

    def _answer(self, estimator: Estimator, status: int = 200) -> Response:
        return Response(EstimatorSerializer(with_all_it_takes().get(pk=estimator.pk)).data, status=status)


def _lost(counted: list[tuple[int, str, str]]) -> Response:
    return Response([{"count": count, "what": many} for count, _, many in counted])


class VersionChangeViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Which version of a battery's estimator took the place of which, when, by whom and why; the newest first."""

    queryset = VersionChange.objects.select_related("battery", "by")
    serializer_class = VersionChangeSerializer
    permission_classes = (ViewerReadsEngineerWrites,)
    filterset_fields = ("battery", "battery__name", "after_version", "before_version")
    ordering_fields = ("id", "at")


class PresetViewSet(viewsets.ViewSet):
    """Typical cells to begin the built-in filter with."""

    permission_classes = (ViewerReadsEngineerWrites,)

    @extend_schema(responses=PresetSerializer(many=True))
    def list(self, request: Request) -> Response:
        from energykit.presets import PRESETS  # noqa: PLC0415  (with its siblings, which need numpy)

        return Response(PresetSerializer(PRESETS.values(), many=True).data)
