"""A forecast of energy on a page of its own: what was expected, quarter by quarter, and what was used since."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from energykit.quarters import MICROSECONDS, QUARTER_SECONDS, labelled
from fleet.forecasting.names import WORDS
from fleet.models import Asset, EnergyForecast
from fleet.queries import fleet_energy, quarters_between, shown
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.energy_export import as_csv
from rovi_site.pages.energy_range import DAY, Window, kept_query, shortly, zone_of
from rovi_site.pages.energy_series import forecast_series

DAYS_BEFORE = 3
QUARTERS_SHOWN = 100
COLUMNS = ("datetime", "expected_kwh", "low_kwh", "high_kwh", "used_kwh")


@require_GET
@page_for(Role.VIEWER)
def forecast_page(request: HttpRequest, forecast_id: int) -> HttpResponse:
    forecast = _forecast(forecast_id)
    window = _window(forecast, request)
    rows = list(_rows(forecast))
    context = {
        "forecast": forecast,
        "asset": forecast.asset,
        "window": window,
        "model": WORDS.get(forecast.model, f"Script: {forecast.model}"),
        "begins": shortly(forecast.start, window.zone),
        "ends": shortly(_end(forecast), window.zone),
        "rows": [(shortly(start, window.zone), *values) for start, *values in rows[:QUARTERS_SHOWN]],
        "rows_in_all": len(rows),
        "query": kept_query(request.GET),
    }
    return render(request, "pages/energy_forecast.html", context)


@require_GET
@page_for(Role.VIEWER)
def energy_forecast_series(request: HttpRequest, forecast_id: int) -> HttpResponse:
    forecast = _forecast(forecast_id)
    assets = 1 if forecast.asset is not None else Asset.objects.count()
    return ChartAnswer(forecast_series(forecast, _window(forecast, request), assets))


@require_GET
@page_for(Role.VIEWER)
def forecast_file(request: HttpRequest, forecast_id: int) -> Any:
    forecast = _forecast(forecast_id)
    zone, _ = zone_of(request.GET)
    rows = (
        (labelled(start, zone), *("" if value is None else shown(value) for value in values))
        for start, *values in _rows(forecast)
    )
    return as_csv(request, COLUMNS, rows, f"energy-forecast-{forecast.pk}.csv")


def _forecast(forecast_id: int) -> EnergyForecast:
    found = EnergyForecast.objects.select_related("asset").filter(pk=forecast_id).first()
    if found is None:
        raise Http404(f"There is no forecast of energy with id {forecast_id}.")
    return found


def _end(forecast: EnergyForecast) -> int:
    return forecast.start + forecast.quarters * QUARTER_SECONDS


def _window(forecast: EnergyForecast, request: HttpRequest) -> Window:
    zone, complaint = zone_of(request.GET)
    return Window(forecast.start - DAYS_BEFORE * DAY, _end(forecast), "", complaint, zone)


def _rows(forecast: EnergyForecast) -> Any:
    """Beginning (s), and kWh: expected, low, high, used; None where it is not told."""
    start, end = forecast.start * MICROSECONDS, _end(forecast) * MICROSECONDS
    known: Any = fleet_energy(start, end) if forecast.asset is None else quarters_between(forecast.asset, start, end)
    used: dict[int, float] = {}
    for each in known:
        used[each.start] = used.get(each.start, 0.0) + (each.energy or 0.0)
    has_band = forecast.low is not None and forecast.high is not None
    low, high = (forecast.values(name).tolist() if has_band else repeat(None) for name in ("low", "high"))
    for place, (expected, least, most) in enumerate(zip(forecast.values("expected").tolist(), low, high, strict=False)):
        at = forecast.start + place * QUARTER_SECONDS
        yield at, expected, least, most, used.get(at)
