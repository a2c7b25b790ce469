"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

import datahub.converters  # noqa: F401  (registers `battery_name`)
from datahub.views import RegisterBattery, Stats, UploadRows
from datahub.viewsets import BatteryViewSet, DataImportViewSet, MarkViewSet

urlpatterns: list[URLPattern] = [
    path("db/register", RegisterBattery.as_view(), name="db-register"),
    path("db/upload/<battery_name:name>", UploadRows.as_view(), name="db-upload"),
    path("db/stats", Stats.as_view(), name="db-stats"),
]
api_routes: list[tuple[str, Any, str]] = [
    ("batteries", BatteryViewSet, "battery"),
    ("imports", DataImportViewSet, "import"),
    ("marks", MarkViewSet, "mark"),
]
