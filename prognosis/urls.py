"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from prognosis.group_viewsets import ComparisonViewSet, FleetForecastViewSet
from prognosis.views import Register, Run, RunNamed
from prognosis.viewsets import ForecasterViewSet, ForecastViewSet

urlpatterns: list[URLPattern] = [
    path("prognosis/register", Register.as_view(), name="prognosis-register"),
    path("prognosis/run", Run.as_view(), name="prognosis-run"),
    path("prognosis/<path:name>/run", RunNamed.as_view(), name="prognosis-run-named"),
]
api_routes: list[tuple[str, Any, str]] = [
    ("forecasters", ForecasterViewSet, "forecaster"),
    ("forecasts", ForecastViewSet, "forecast"),
    ("fleet-forecasts", FleetForecastViewSet, "fleet"),
    ("comparisons", ComparisonViewSet, "comparison"),
]
