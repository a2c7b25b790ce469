"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from twin.fitting.viewsets import ParameterSetViewSet
from twin.measured_viewsets import MeasuredViewSet
from twin.views import Register, Status
from twin.viewsets import EstimatorViewSet, PresetViewSet, VersionChangeViewSet

urlpatterns: list[URLPattern] = [
    path("online/register", Register.as_view(), name="online-register"),
    path("online/status", Status.as_view(), name="online-status"),
]
api_routes: list[tuple[str, Any, str]] = [
    ("estimators", EstimatorViewSet, "estimator"),
    ("presets", PresetViewSet, "preset"),
    (r"batteries/(?P<battery_id>\d+)", MeasuredViewSet, "measured"),
    ("version-changes", VersionChangeViewSet, "version-change"),
    ("parameter-sets", ParameterSetViewSet, "parameter-set"),
]
