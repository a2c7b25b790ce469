"""A battery's passport over REST."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import ViewerReadsEngineerWrites
from datahub.models import Battery
from rovi_site.passport.summing_up import passport_of

BATTERY = OpenApiParameter("battery_id", int, OpenApiParameter.PATH, description="Id of the battery.")


class PassportViewSet(viewsets.ViewSet):
    """What a battery is, went through and is worth, with the source of each number."""

    permission_classes = (ViewerReadsEngineerWrites,)

    @extend_schema(parameters=[BATTERY], responses=OpenApiTypes.OBJECT)
    @action(detail=False)
    def passport(self, request: Request, battery_id: str) -> Response:
        """The battery in one document: identity, rows, history, health and forecast; a `source` beside the numbers.

        Times are test_time in s, or ISO 8601; units stand in the names. null where nothing is known. To print it:
        /passport/<name>.
        """
        return Response(passport_of(get_object_or_404(Battery, pk=battery_id), timezone.now()))
