"""The seed paths: register an estimator, ask how all of them do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.permissions import ViewerReadsEngineerWrites
from datahub.rendering import PlainJsonRenderer, as_json
from twin.errors import FieldMissing
from twin.registration import register_estimator
from twin.serializers import SeedRegistrationSerializer
from twin.status import online_status

REQUIRED_TIME_NAMES = ("required_time", "start_time")  # ROVI's client sends the second, its service reads the first
REQUIRED_TIME = OpenApiParameter("required_time", float, description="Seconds of data before it starts.")


class Register(APIView):
    """Registers an estimator, or a new version of one, for the battery of that name.

    Answers 200 and one line; whether the script can be loaded shows a moment later in /online/status.
    """

    permission_classes = (ViewerReadsEngineerWrites,)
    parser_classes = (MultiPartParser, FormParser, JSONParser)

    @extend_schema(request=SeedRegistrationSerializer, parameters=[REQUIRED_TIME], responses=str)
    def post(self, request: Request) -> Response:
        data = request.data if isinstance(request.data, Mapping) else {}
        estimator = register_estimator(
            battery_name=_text(data, "name"),
            definition=_text(data, "definition"),
            files=request.FILES.getlist("files"),
            required_time=_required_time(data, request.query_params),
            registered_by=request.user,
        )
        return Response(
            f"estimator of {estimator.battery.name!r}, version {estimator.version}, "
            f"required_time={estimator.required_time:g} s, state={estimator.state}"
        )


class Status(APIView):
    """The newest estimate of each battery: mean and covariance of its states, and at which test_time.

    For one that is not ready `latest_time`, `mean` and `covariance` are left out.
    """

    permission_classes = (ViewerReadsEngineerWrites,)
    renderer_classes = (PlainJsonRenderer,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response({name: as_json(status) for name, status in online_status()})


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise FieldMissing(name)
    return value


def _required_time(*places: Mapping[str, Any]) -> Any:
    return next((place[name] for place in places for name in REQUIRED_TIME_NAMES if name in place), None)
