"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from twin.views import Register, Status
from twin.viewsets import EstimatorViewSet, PresetViewSet

urlpatterns: list[URLPattern] = [
    path("online/register", Register.as_view(), name="online-register"),
    path("online/status", Status.as_view(), name="online-status"),
]
api_routes: list[tuple[str, Any, str]] = [
    ("estimators", EstimatorViewSet, "estimator"),
    ("presets", PresetViewSet, "preset"),
]
