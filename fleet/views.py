"""The seed paths: readings in, quarters out, top users, a forecast, in the shapes that the seed's clients know."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import ViewerReadsOperatorWrites
from fleet import answers
from fleet.parameters import FORECAST, QUARTERS, TOP
from fleet.serializers import ExpectedSerializer, PostSerializer, QuartersSerializer, ReceiptSerializer, TopSerializer


class _Seed(APIView):
    permission_classes = (ViewerReadsOperatorWrites,)
    complaints_by_field = True  # read by rovi_site.api


class Data(_Seed):
    """Readings of any rhythm in, energy by quarter hour out."""

    @extend_schema(parameters=QUARTERS, responses=QuartersSerializer)
    def get(self, request: Request) -> Response:
        """Energy of an asset by quarter hour; a quarter counts where it begins in `start <= … < end`."""
        return Response(answers.quarters(request.query_params))

    @extend_schema(request=PostSerializer, responses={201: ReceiptSerializer})
    def post(self, request: Request) -> Response:
        """Stores readings of power or energy, at most 10,000; those of a time that is there already are replaced."""
        return Response(answers.receipt(request), status=201)


class TopUsers(_Seed):
    """Who used most."""

    @extend_schema(parameters=TOP, responses=TopSerializer)
    def get(self, request: Request) -> Response:
        """The assets that used most energy in a window, most first."""
        return Response(answers.top(request.query_params))


class Forecast(_Seed):
    """What will be used."""

    @extend_schema(parameters=FORECAST, responses=ExpectedSerializer)
    def get(self, request: Request) -> Response:
        """Energy that is expected of an asset in a window, from the quarters that ended before it."""
        return Response(answers.forecast(request.query_params))
