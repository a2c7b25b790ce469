"""The seed paths of this room, and what it adds to the REST API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from fleet.views import Data, Forecast, TopUsers
from fleet.viewsets import (
    AssetViewSet,
    BatchesViewSet,
    EnergyForecastViewSet,
    FleetEnergyViewSet,
    ForecastViewSet,
    QuartersViewSet,
    ReadingsViewSet,
    TopViewSet,
)

urlpatterns: list[URLPattern] = [
    path("fleet/data", Data.as_view(), name="fleet-data"),
    path("fleet/topusers", TopUsers.as_view(), name="fleet-top-users"),
    path("fleet/forecast", Forecast.as_view(), name="fleet-energy-forecast"),
]
api_routes: list[tuple[str, Any, str]] = [
    ("energy/assets", AssetViewSet, "asset"),
    ("energy/readings", ReadingsViewSet, "energy-readings"),
    ("energy/batches", BatchesViewSet, "energy-batches"),
    ("energy/quarters", QuartersViewSet, "energy-quarters"),
    ("energy/top", TopViewSet, "energy-top"),
    ("energy/forecast", ForecastViewSet, "energy-forecast"),
    ("energy/forecasts", EnergyForecastViewSet, "energy-forecasts"),
    ("energy/fleet", FleetEnergyViewSet, "energy-fleet"),
]
