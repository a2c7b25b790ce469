"""What was measured of a battery, over REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import ViewerReadsEngineerWrites
from datahub.downloads import stream
from datahub.exports import CSV
from datahub.models import Battery
from datahub.negotiation import CsvRenderer, RowsNegotiation
from datahub.windows import MOST_ROWS, WindowRefused, whole
from twin.exports import as_records
from twin.measured import BatteryTotals, cycles_with_capacities, resistances_of, totals_of
from twin.measured_serializers import (
    MeasuredCyclesSerializer,
    MeasuredResistancesSerializer,
    MeasuredTotalsSerializer,
)
from twin.measuring.records import MeasuredResistance

RECORDS_OF_A_PAGE = 1000
RECORDS_OF_A_PIECE = 5000
GREATEST_PLACE = 2**31 - 1

BATTERY = OpenApiParameter("battery_id", int, OpenApiParameter.PATH, description="Id of the battery.")
LIMIT = OpenApiParameter("limit", int, description="Most records; JSON 1,000 and CSV all when left out.")
FORMAT = OpenApiParameter("format", str, enum=["json", CSV.name], description="Or by the Accept header.")
AS_FILES: dict[str, Any] = {
    "renderer_classes": [JSONRenderer, CsvRenderer],
    "content_negotiation_class": RowsNegotiation,
}


@extend_schema(parameters=[BATTERY])
class MeasuredViewSet(viewsets.ViewSet):
    """Cycles, totals and resistances, as they follow from a battery's rows."""

    permission_classes = (ViewerReadsEngineerWrites,)

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="Only cycles after this place: the cursor."),
            LIMIT,
            FORMAT,
        ],
        responses={(200, "application/json"): MeasuredCyclesSerializer, (200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(detail=False, **AS_FILES)
    def cycles(self, request: Request, battery_id: str) -> Response | StreamingHttpResponse:
        """Whole cycles, oldest first: charge, energy, efficiency, temperature, and the capacity that each shows."""
        battery = get_object_or_404(Battery, pk=battery_id)
        after = whole(request.query_params, "after", 0, GREATEST_PLACE)
        limit = whole(request.query_params, "limit", 1, MOST_ROWS)
        if request.accepted_renderer.format == CSV.name:
            return _csv(request, battery, "cycles", _cycles_in_pieces(battery, after, limit))
        found = _cycles(battery, after, (limit or RECORDS_OF_A_PAGE) + 1)
        return Response(_page(found, limit or RECORDS_OF_A_PAGE, "place"))

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="Only steps after the one of this row_id: the cursor."),
            LIMIT, FORMAT,
        ],
        responses={(200, "application/json"): MeasuredResistancesSerializer, (200, "text/csv"): OpenApiTypes.BINARY},
    )  # fmt: skip
    @action(detail=False, **AS_FILES)
    def resistances(self, request: Request, battery_id: str) -> Response | StreamingHttpResponse:
        """Resistance at steps of current, oldest first, with the R0 that the current estimator has at that row."""
        battery = get_object_or_404(Battery, pk=battery_id)
        after = _place_of(battery, whole(request.query_params, "after", 0, 2**63 - 1))
        limit = whole(request.query_params, "limit", 1, MOST_ROWS)
        if request.accepted_renderer.format == CSV.name:
            return _csv(request, battery, "resistances", _resistances_in_pieces(battery, after, limit))
        found = as_records(resistances_of(battery, after=after, limit=(limit or RECORDS_OF_A_PAGE) + 1))
        return Response(_page(found, limit or RECORDS_OF_A_PAGE, "row_id"))

    @extend_schema(responses=MeasuredTotalsSerializer)
    @action(detail=False)
    def totals(self, request: Request, battery_id: str) -> Response:
        """What the battery has been through: charge and energy in and out, time at work and in bands, extremes."""
        return Response(_as_answer(totals_of(get_object_or_404(Battery, pk=battery_id))))


def _cycles(battery: Battery, after: int | None, limit: int) -> list[dict[str, Any]]:
    columns = cycles_with_capacities(battery, after=-1 if after is None else after, limit=limit)
    return [{**record, "kind": record["kind"] or None} for record in as_records(columns)]


def _place_of(battery: Battery, row_id: int | None) -> tuple[float, int] | None:
    if row_id is None:
        return None
    known = MeasuredResistance.objects.filter(battery=battery, row_id=row_id).values_list("test_time", "row_id").first()
    if known is None:
        raise WindowRefused("after", "the row_id of a resistance that was measured")
    return known


def _page(found: list[dict[str, Any]], limit: int, cursor: str) -> dict[str, Any]:
    more = len(found) > limit
    return {"next_after": found[limit - 1][cursor] if more else None, "results": found[:limit]}


def _as_answer(totals: BatteryTotals) -> dict[str, Any]:
    return dict(MeasuredTotalsSerializer({**vars(totals), **totals.sums}).data)


# --- files ---------------------------------------------------------------------------------------------------------
def _cycles_in_pieces(battery: Battery, after: int | None, limit: int | None) -> Iterator[list[dict[str, Any]]]:
    left = limit
    while True:
        some = _cycles(battery, after, RECORDS_OF_A_PIECE if left is None else min(left, RECORDS_OF_A_PIECE))
        yield some
        left = None if left is None else left - len(some)
        if len(some) < RECORDS_OF_A_PIECE or left == 0:
            return
        after = some[-1]["place"]


def _resistances_in_pieces(
    battery: Battery, after: tuple[float, int] | None, limit: int | None
) -> Iterator[list[dict[str, Any]]]:
    left = limit
    while True:
        most = RECORDS_OF_A_PIECE if left is None else min(left, RECORDS_OF_A_PIECE)
        some = as_records(resistances_of(battery, after=after, limit=most))
        yield some
        left = None if left is None else left - len(some)
        if len(some) < RECORDS_OF_A_PIECE or left == 0:
            return
        after = some[-1]["test_time"], some[-1]["row_id"]


def _csv(
    request: Request, battery: Battery, what: str, pieces: Iterator[list[dict[str, Any]]]
) -> StreamingHttpResponse:
    serializer = {"cycles": MeasuredCyclesSerializer, "resistances": MeasuredResistancesSerializer}[what]
    names = list(serializer().fields["results"].child.fields)  # type: ignore[attr-defined]
    name = f"{what}-{battery.pk}{CSV.suffix}"
    return stream(request._request, _lines(names, pieces), CSV.content_type, name, battery)


def _lines(names: list[str], pieces: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Nothing in it needs quotes: numbers, true and false, and kinds of capacity."""
    yield (",".join(names) + "\n").encode()
    for records in pieces:
        rows = [[record[name] for name in names] for record in records]
        text = "".join(",".join("" if value is None else str(value) for value in row) + "\n" for row in rows)
        if text:
            yield text.encode()
