"""The seed paths: register a forecaster, run a forecast and wait for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.errors import Refused
from access.permissions import OnlyOperators, ViewerReadsEngineerWrites
from datahub.queries import battery_named
from jobs.queries import any_worker_is_alive
from jobs.queue import wait_for
from prognosis.errors import FieldMissing, ForecastNotReady
from prognosis.forecasting.runs import request_run
from prognosis.models import ForecastRun, RunState
from prognosis.queries import as_lists, latest_runs, result_of
from prognosis.registration import register_forecaster
from prognosis.requests import CsvParser, load_of_request
from prognosis.serializers import ForecastRequestSerializer, RegistrationSerializer

WAIT_BEYOND_SCRIPT_SECONDS = 15.0  # for the queue, the history and the storing
STATUS_OF = {"sandbox_unavailable": 503, "unexpected": 500, "no_estimates": 409, "forecaster_failed": 409}


@extend_schema(request=RegistrationSerializer, responses=str)
class Register(APIView):
    """Registers a forecaster, or a new version of one, for the battery of that name.

    Answers 200 and one line; whether the script can be loaded shows a moment later in /api/v1/forecasters/.
    """

    permission_classes = (ViewerReadsEngineerWrites,)
    parser_classes = (MultiPartParser, FormParser, JSONParser)

    def post(self, request: Request) -> Response:
        data = request.data if isinstance(request.data, Mapping) else {}
        forecaster = register_forecaster(
            name=_text(data, "name"),
            definition=_text(data, "definition"),
            sql_query=_text(data, "sql_query"),
            files=request.FILES.getlist("files"),
            registered_by=request.user,
        )
        return Response(
            f"sql_query={forecaster.sql_query!r} name={forecaster.name!r} version={forecaster.version} "
            f"state={forecaster.state}"
        )


@extend_schema(request=ForecastRequestSerializer, responses={200: dict[str, list[float]]})
class Run(APIView):
    """Makes a forecast with the current forecaster of a battery, waits for it, and answers its columns.

    The load is described in the query (`ahead_time`, `resolution` in s; `current` in A or `power` in W, + charging), or
    with POST as JSON, as a form, or as a CSV.
    """

    permission_classes = (OnlyOperators,)
    parser_classes = (JSONParser, MultiPartParser, FormParser, CsvParser)
    http_method_names = ("get", "post", "options")  # HEAD would make a forecast, and not tell it

    def get(self, request: Request, name: str | None = None) -> HttpResponse:
        return _forecast(request, name)

    def post(self, request: Request, name: str | None = None) -> HttpResponse:
        return _forecast(request, name)


@extend_schema_view(
    get=extend_schema(operation_id="prognosis_run_named_retrieve"),
    post=extend_schema(operation_id="prognosis_run_named_create"),
)
class RunNamed(Run):
    """The same, with the battery's name in the address."""


def _forecast(request: Request, name: str | None) -> HttpResponse:
    load = load_of_request(request)
    run = request_run(battery_named(_text(request.query_params, "name") if name is None else name), load, request.user)
    run = _waited_for(run)
    if run.state_now != RunState.DONE:
        code = run.error_code or "forecast_failed"
        raise Refused(run.error_now, code=code, status=STATUS_OF.get(code, 422), hint=_where(run))
    return HttpResponse(json.dumps(as_lists(result_of(run)), allow_nan=False), content_type="application/json")


def _waited_for(run: ForecastRun) -> ForecastRun:
    """The run once it has ended; raises ForecastNotReady where none works on it, or it takes too long."""
    if run.job is None or not any_worker_is_alive():
        raise ForecastNotReady(
            f"No worker is running, so forecast {run.pk} waits in the queue. Start one with manage.py run_worker.",
            hint=_where(run),
        )
    seconds = settings.SANDBOX_FORECAST_SECONDS + WAIT_BEYOND_SCRIPT_SECONDS
    wait_for(run.job, seconds)
    run = latest_runs().get(pk=run.pk)
    if not run.has_ended:
        raise ForecastNotReady(f"Forecast {run.pk} is not done after {seconds:g} s; it goes on.", hint=_where(run))
    return run


def _where(run: ForecastRun) -> str:
    return f"Forecast {run.pk} is kept at /api/v1/forecasts/{run.pk}/."


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise FieldMissing(name)
    return value
