"""The rooms of energy: the fleet's quarters, who uses most, each asset, what is expected."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role, role_of
from energykit.quarters import labelled
from fleet.errors import NoSuchAsset
from fleet.forecasting.asking import DAY, Asked, request_forecasts
from fleet.forecasting.names import SEASONAL, WORDS
from fleet.models import Asset, EnergyForecast
from fleet.queries import (
    Used,
    asset_numbered,
    known_span,
    newest_forecast,
    present_end,
    quarters_between,
    sources_of,
    used_between,
)
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.energy_range import PRESETS, window_of
from rovi_site.pages.energy_series import asset_series, fleet_series

ROWS_A_PAGE = 50
TOP = 10
SHOWN = 10
QUARTERS_SHOWN = 96
HORIZONS = (("A day", DAY), ("A week", 7 * DAY), ("A month (31 days)", 31 * DAY))


@dataclass(frozen=True)
class TopUser:
    used: Used
    share: float


# --- the fleet -------------------------------------------------------------------------------------------------------
@require_GET
@page_for(Role.VIEWER)
def energy_page(request: HttpRequest) -> HttpResponse:
    times = known_span(None)
    if times is None:
        return render(request, "pages/energy.html", {"nothing": True, "title": "Energy"})
    newest = present_end(None, times)
    window = window_of(request.GET, *times, newest)
    found = used_between(window.start, window.end)
    wanted = request.GET.get("q", "").strip().lower()
    listed = [used for used in found if wanted in used.title.lower() or wanted == str(used.number)] if wanted else found
    total = sum(used.energy for used in found)
    context = {
        "window": window,
        "presets": PRESETS,
        "ahead_to": labelled(times[1])[:10] if newest < times[1] and window.end < times[1] else "",
        "total": total,
        "using": len(found),
        "assets": Asset.objects.count(),
        "costs": _costs(found),
        "top": [TopUser(used, used.energy / found[0].energy if found[0].energy else 0.0) for used in found[:TOP]],
        "top_share": sum(used.energy for used in found[:TOP]) / total if total else None,
        "page": Paginator(listed, ROWS_A_PAGE).get_page(request.GET.get("page")),
        "search_text": request.GET.get("q", "").strip(),
        "forecast": newest_forecast(None),
        "query": urlencode({key: request.GET[key] for key in ("from", "to") if key in request.GET}),
        **_forecast_form(request),
    }
    return render(request, "pages/energy.html", context)


@require_GET
@page_for(Role.VIEWER)
def energy_series(request: HttpRequest) -> HttpResponse:
    times = known_span(None)
    if times is None:
        return ChartAnswer({"lines": []})
    window = window_of(request.GET, *times, present_end(None, times))
    return ChartAnswer(fleet_series(window, Asset.objects.count()))


# --- one asset -------------------------------------------------------------------------------------------------------
@require_GET
@page_for(Role.VIEWER)
def asset_page(request: HttpRequest, number: int) -> HttpResponse:
    asset = _asset(number)
    battery, span = _battery_of(asset), known_span(asset)
    if span is None:
        return render(request, "pages/energy_asset.html", {"asset": asset, "battery": battery, "nothing": True})
    window = window_of(request.GET, *span)
    quarters = list(quarters_between(asset, window.start * 1_000_000, window.end * 1_000_000))
    used = sum(known.energy or 0.0 for known in quarters)
    known = sum(known.covered for known in quarters) / (window.quarters * 900_000_000) if window.quarters else None
    context = {
        "asset": asset,
        "window": window,
        "presets": PRESETS,
        "total": used,
        "charged": sum(known.charged or 0.0 for known in quarters),
        "known": known,
        "cost": None if asset.price is None else used * asset.price,
        "quarters": [(labelled(each.start), each) for each in quarters[-QUARTERS_SHOWN:][::-1]],
        "quarters_in_all": len(quarters),
        "forecasts": EnergyForecast.objects.filter(asset=asset).defer("expected", "low", "high")[:SHOWN],
        "scores": sorted(asset.scores.all(), key=lambda score: score.scores.get("quarter_error_kwh", float("inf"))),
        "battery": battery,
        "query": urlencode({key: request.GET[key] for key in ("from", "to") if key in request.GET}),
        **_sources(asset, request),
        **_forecast_form(request),
    }
    return render(request, "pages/energy_asset.html", context)


@require_GET
@page_for(Role.VIEWER)
def asset_energy_series(request: HttpRequest, number: int) -> HttpResponse:
    asset = _asset(number)
    span = known_span(asset)
    return ChartAnswer(asset_series(asset, window_of(request.GET, *span)) if span else {"lines": []})


# --- forecasts -------------------------------------------------------------------------------------------------------
@require_POST
@page_for(Role.OPERATOR)
def forecast_energy(request: HttpRequest) -> HttpResponse:
    """Of the asset whose number the form names, or of all."""
    number = request.POST.get("number", "")
    back = redirect("energy-asset", number=int(number)) if number.isdecimal() else redirect("energy")
    try:
        quarters = int(request.POST.get("quarters", DAY))
        if quarters not in {value for _, value in HORIZONS}:
            raise ValueError
    except ValueError:
        messages.error(request, "How far ahead: choose a day, a week or a month.")
        return back
    asked = Asked(
        model=request.POST.get("model", SEASONAL),
        quarters=quarters,
        number=int(number) if number.isdecimal() else None,
    )
    try:
        job = request_forecasts(asked, request.user)
    except Refused as told:
        messages.error(request, f"{told} {told.hint}".strip())
        return back
    return redirect("job", job_id=job.pk)


def _forecast_form(request: HttpRequest) -> dict[str, Any]:
    from fleet import ports  # noqa: PLC0415  (what stands there is put in when all apps are ready)

    scripts = ports.forecasters.names() if ports.forecasters else []
    return {
        "may_forecast": role_of(request.user) >= Role.OPERATOR,
        "models": [*WORDS.items(), *((name, f"Script: {name}") for name in scripts)],
        "usual_model": SEASONAL,
        "model_words": dict(WORDS),
        "horizons": HORIZONS,
    }


# --- parts -----------------------------------------------------------------------------------------------------------
def _asset(number: int) -> Asset:
    try:
        return asset_numbered(number)
    except NoSuchAsset as told:
        raise Http404(str(told)) from None


def _costs(found: list[Used]) -> list[tuple[str, float]]:
    costs: dict[str, float] = defaultdict(float)
    for used in found:
        if used.cost is not None:
            costs[used.currency] += used.cost
    return sorted(costs.items())


def _battery_of(asset: Asset) -> str | None:
    from datahub.models import Battery  # noqa: PLC0415

    if asset.battery_id is None:
        return None
    return Battery.objects.filter(pk=asset.battery_id).values_list("name", flat=True).first()


def _sources(asset: Asset, request: HttpRequest) -> dict[str, Any]:
    """The readings of the quarter that the address names."""
    asked = request.GET.get("sources", "")
    if not asked.isdecimal() or len(asked) > 12 or asset.battery_id is not None:
        return {}
    start = int(asked) // 900 * 900
    return {"sources_of": labelled(start), "sources": sources_of(asset, start)}
