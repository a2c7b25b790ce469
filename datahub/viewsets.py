"""Batteries, their rows and their imports over REST."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import OnlyAdministrators, ViewerReadsOperatorWrites, why_upload_is_refused
from access.roles import Role, role_of
from datahub import queries
from datahub.downloads import download
from datahub.errors import NotConfirmed
from datahub.exports import FORMATS
from datahub.imports.requesting import begin_import, request_import, undo_import
from datahub.losses import loss_of
from datahub.marks import mark_event
from datahub.models import Battery, DataImport, Mark
from datahub.negotiation import ROW_RENDERERS, RowsNegotiation
from datahub.registration import KEEPING, delete_battery, finish, register_battery, reopen, update_battery
from datahub.serializers import (
    BatterySerializer,
    BeginImportSerializer,
    DataImportSerializer,
    MarkSerializer,
    TruthSerializer,
)
from datahub.truths import checked_truths, store_truths, truths_in
from datahub.units import unit_of
from datahub.uploading import store_body
from datahub.views import PARTIAL, ROWS, wants_partial
from datahub.windows import whole, window_of

ROWS_OF_A_PAGE = 1000
MOST_POINTS = 20_000

START = OpenApiParameter("start", float, description="Least test_time, s.")
END = OpenApiParameter("end", float, description="test_time before which rows end, s.")
COLUMNS = OpenApiParameter("columns", str, description="Names, separated by commas; all when left out.")
AFTER = OpenApiParameter("after", int, description="Only rows that came after this row_id: the cursor.")
LIMIT = OpenApiParameter("limit", int, description="Most rows; JSON 1,000 and files all when left out.")
FORMAT = OpenApiParameter("format", str, enum=["json", *FORMATS], description="Or by the Accept header.")
POINTS = OpenApiParameter("points", int, description="Most points of each column; 2,000 when left out.")
CONFIRM = OpenApiParameter("confirm", str, required=True, description="The battery's name once more.")


class MayUploadToBattery(BasePermission):
    """As access.permissions.MayUpload, where the battery is known by its id."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated)

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        self.message = why_upload_is_refused(request.user, request.auth, obj.name)
        return not self.message


class BatteryViewSet(viewsets.ModelViewSet):
    """Cells, modules and packs: what is known of each, and its rows."""

    queryset = Battery.objects.all()
    serializer_class = BatterySerializer
    permission_classes = (ViewerReadsOperatorWrites,)
    http_method_names = ("get", "post", "patch", "delete", "head", "options")
    lookup_value_regex = r"\d+"
    filterset_fields = {
        "name": ["exact"], "is_simulated": ["exact"], "finished_at": ["isnull"], "rows": ["gte", "lte"],
        "last_received": ["gte", "lte"],
    }  # fmt: skip
    search_fields = ("name", "description")
    ordering_fields = ("name", "rows", "created", "last_received", "last_test_time")

    def get_permissions(self) -> list[Any]:
        if self.action == "rows" and self.request.method == "POST":
            return [MayUploadToBattery()]
        if self.action == "destroy":
            return [OnlyAdministrators()]
        return [permission() for permission in self.permission_classes]

    # --- the battery -----------------------------------------------------------------------------------------------
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Makes a battery; 409 where one of this name exists. `metadata` is a BatteryMetadata document."""
        wishes = self._wishes(request)
        check_may_limit(request.user, Battery(), wishes)
        wants_finished = wishes.pop("finished_at", False)
        battery = register_battery(wishes.pop("metadata", None), must_be_new=True, **wishes)
        if wants_finished:
            finish(battery)
        return Response(self.get_serializer(battery).data, status=201)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Changes description, metadata, is_simulated, finished and how much is kept, which takes an administrator."""
        battery = self.get_object()
        wishes = self._wishes(request)
        check_may_limit(request.user, battery, wishes)
        wishes.pop("name", None)
        if "finished_at" in wishes:
            (finish if wishes.pop("finished_at") else reopen)(battery)
        return Response(self.get_serializer(update_battery(battery, **wishes)).data)

    @extend_schema(parameters=[CONFIRM])
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deletes the battery with its rows, estimates and device tokens, for good."""
        battery = self.get_object()
        if request.query_params.get("confirm", "") != battery.name:
            raise NotConfirmed(battery.name, loss_of(battery))
        delete_battery(battery)
        return Response(status=204)

    def _wishes(self, request: Request) -> dict[str, Any]:
        asked = self.get_serializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    # --- its rows --------------------------------------------------------------------------------------------------
    @extend_schema(
        methods=["GET"], parameters=[START, END, COLUMNS, AFTER, LIMIT, FORMAT],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.BINARY},
        description="Rows in order of arrival, as JSON, CSV, Parquet or HDF5.\n\n`next_after` of the JSON answer is "
        "the cursor for what comes next; null when these were the last.",
    )  # fmt: skip
    @extend_schema(
        methods=["POST"], parameters=[PARTIAL],
        description="Stores rows, each once: what was sent before is counted as repeated.",
        request={"application/json": ROWS, "application/msgpack": bytes, "text/csv": bytes},
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    @action(
        detail=True, methods=["get", "post"],
        renderer_classes=ROW_RENDERERS, content_negotiation_class=RowsNegotiation,
    )  # fmt: skip
    def rows(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """GET: rows in order of arrival, as JSON, CSV, Parquet or HDF5. POST: stores rows, each once.

        `next_after` of the JSON answer is the cursor for what comes next; null when these were the last.
        """
        battery = self.get_object()
        if request.method == "POST":
            return Response(store_body(request._request, battery.name, wants_partial(request)).as_map())
        wanted = FORMATS.get(request.accepted_renderer.format)
        if wanted is not None:
            return download(request._request, battery, window_of(request.query_params), wanted)
        window = window_of(request.query_params, default_limit=ROWS_OF_A_PAGE)
        limit = window.limit or ROWS_OF_A_PAGE
        found = queries.records(battery, **window.span, after=window.after, limit=limit + 1)
        more = len(found) > limit
        return Response({"next_after": found[limit - 1]["row_id"] if more else None, "results": found[:limit]})

    @extend_schema(parameters=[COLUMNS, START, END, POINTS], responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="rows/chart")
    def chart(self, request: Request, pk: str) -> Response:
        """Columns over test_time, each in so few points that a browser draws it at once and no peak is lost."""
        battery = self.get_object()
        window = window_of(request.query_params)
        points = whole(request.query_params, "points", 2, MOST_POINTS) or 2000
        columns = window.columns or tuple(name for name, kind in battery.columns.items() if kind == "float")
        lines = queries.chart(battery, columns, window.start, window.end, points).lines
        drawn = {name: {"test_time": line.test_time, "values": line.values} for name, line in lines.items()}
        return Response({"rows": battery.kept_rows, "units": {name: unit_of(name) for name in drawn}, "columns": drawn})

    # --- beside the rows -------------------------------------------------------------------------------------------
    @extend_schema(
        methods=["GET"], parameters=[START, END, LIMIT], responses=TruthSerializer(many=True),
        description="What a simulation knows, in order of time: SOC (0 to 1), capacity (Ah), R0 (Ω).",
    )  # fmt: skip
    @extend_schema(
        methods=["POST"], request=TruthSerializer(many=True), responses=OpenApiTypes.OBJECT,
        description="Stores what a simulation knows, each moment once; `stored` is how many were new.",
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def truth(self, request: Request, pk: str) -> Response:
        """What a simulation knows: SOC (0 to 1), capacity (Ah), R0 (Ω). POST stores each moment once."""
        battery = self.get_object()
        if request.method == "POST":
            return Response({"stored": store_truths(battery, checked_truths(request.data))})
        return Response(truths_in(battery, window_of(request.query_params)))

    @extend_schema(request={"multipart/form-data": DataImportSerializer}, responses={202: DataImportSerializer})
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser], url_path="imports")
    def import_file(self, request: Request, pk: str) -> Response:
        """Imports a file into this battery as a job; the answer names it."""
        return answer_to_import(request, self.get_object())


class DataImportViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet
):
    """Data files brought in, and what became of their rows. Deleting one forgets the file; its rows stay."""

    queryset = DataImport.objects.select_related("battery", "job", "requested_by")
    serializer_class = DataImportSerializer
    permission_classes = (ViewerReadsOperatorWrites,)
    parser_classes = (MultiPartParser, FormParser, JSONParser)

    def get_permissions(self) -> list[Any]:
        return [OnlyAdministrators()] if self.action == "undo" else list(super().get_permissions())

    filterset_fields = ("battery", "format", "job__state")
    search_fields = ("file_name", "battery__name", "error")
    ordering_fields = ("id", "created", "rows_stored")

    @extend_schema(request={"multipart/form-data": DataImportSerializer}, responses={202: DataImportSerializer})
    def create(self, request: Request) -> Response:
        """Imports a file as a job. Without `battery`, the file's metadata or its name tells whose rows it holds."""
        return answer_to_import(request, None)

    @extend_schema(request=BeginImportSerializer, responses={202: DataImportSerializer})
    @action(detail=True, methods=["post"])
    def begin(self, request: Request, pk: str) -> Response:
        """Stores the rows of a file that waits, as a job. What is chosen is remembered for files with these columns."""
        asked = BeginImportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wishes = asked.validated_data
        begun = begin_import(self.get_object(), wishes["columns"], wishes.get("battery"), request.user)
        return Response(DataImportSerializer(begun).data, status=202)

    @extend_schema(request=None, responses=DataImportSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Takes its rows out again, with the battery that it made; 409 where that battery holds more."""
        return Response(DataImportSerializer(undo_import(self.get_object(), request.user)).data)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Forgets the file; the rows that it brought stay."""
        return super().destroy(request, *args, **kwargs)


class MarkViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet):
    """What people wrote at a time of a battery's record; charts show it there."""

    queryset = Mark.objects.select_related("battery", "by")
    serializer_class = MarkSerializer
    permission_classes = (ViewerReadsOperatorWrites,)
    filterset_fields = {"battery": ["exact"], "battery__name": ["exact"], "test_time": ["gte", "lte"]}
    search_fields = ("text", "battery__name")
    ordering_fields = ("id", "test_time", "at")

    @extend_schema(request=MarkSerializer, responses={201: MarkSerializer})
    def create(self, request: Request) -> Response:
        """Writes a sentence at a test time of a battery's record."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wishes = asked.validated_data
        mark = mark_event(wishes["battery"], wishes["test_time"], wishes["text"], request.user)
        return Response(self.get_serializer(mark).data, status=201)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Takes it away again; the audit trail keeps that it was there."""
        return super().destroy(request, *args, **kwargs)


def check_may_limit(user: Any, battery: Battery, wishes: dict[str, Any]) -> None:
    """A limit deletes rows, which is for administrators; one that is sent back as it was is none."""
    changed = any(wishes[name] != getattr(battery, name) for name in KEEPING if name in wishes)
    if changed and role_of(user) < Role.ADMINISTRATOR:
        raise PermissionDenied("How much is kept takes the role administrator: a limit deletes rows.")


def answer_to_import(request: Request, battery: Battery | None) -> Response:
    asked = DataImportSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    wishes = asked.validated_data
    data_import = request_import(
        wishes["file"], battery=battery or wishes.get("battery"), requested_by=request.user,
        preview=wishes.get("waits", False), mapping=wishes.get("mapping"),
    )  # fmt: skip
    return Response(DataImportSerializer(data_import).data, status=202)
