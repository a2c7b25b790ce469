"""The rooms of energy: the fleet's quarters, who uses most, each asset, what is expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from time import time as unix_time
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role, role_of
from energykit.quarters import MICROSECONDS, QUARTER_SECONDS, labelled
from fleet.errors import NoSuchAsset
from fleet.forecasting.asking import DAY, Asked, request_forecasts
from fleet.forecasting.names import SEASONAL, WORDS
from fleet.models import Asset, EnergyForecast
from fleet.queries import (
    Known,
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
from rovi_site.pages.energy_range import PRESETS, Window, kept, kept_query, shortly, window_of
from rovi_site.pages.energy_series import asset_series, fleet_series, seconds_expected

ROWS_A_PAGE = 50
TOP = 10
SHOWN = 10
QUARTERS_SHOWN = 100  # a day's, also when summer time ends
STACKS = (("By kind", ""), ("Top users", "asset"))
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
    users = [used for used in found if used.energy > 0]
    wanted = request.GET.get("q", "").strip().lower()
    listed = [used for used in found if wanted in used.title.lower() or wanted == str(used.number)] if wanted else found
    total = sum(used.energy for used in found)
    context = {
        "window": window,
        "presets": PRESETS,
        "ahead_to": labelled(times[1])[:10] if newest < times[1] and window.end < times[1] else "",
        "total": total,
        "using": len(users),
        "assets": Asset.objects.count(),
        "costs": _costs(found),
        "top": [TopUser(used, used.energy / users[0].energy) for used in users[:TOP]],
        "top_share": sum(used.energy for used in users[:TOP]) / total if total else None,
        "by_asset": _is_by_asset(request),
        "stacks": STACKS,
        "page": Paginator(listed, ROWS_A_PAGE).get_page(request.GET.get("page")),
        "search_text": request.GET.get("q", "").strip(),
        "forecast": newest_forecast(None),
        "query": kept_query(request.GET),
        "kept": kept(request.GET),
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
    return ChartAnswer(fleet_series(window, Asset.objects.count(), by_asset=_is_by_asset(request)))


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
    context = {
        "asset": asset,
        "window": window,
        "presets": PRESETS,
        "total": used,
        "charged": sum(known.charged or 0.0 for known in quarters),
        "known": _known_share(asset, window, quarters),
        "is_known_from_start": window.start >= span[0],
        "cost": None if asset.price is None else used * asset.price,
        "quarters": [(shortly(each.start, window.zone), each) for each in quarters[-QUARTERS_SHOWN:][::-1]],
        "quarters_in_all": len(quarters),
        "forecasts": [(shortly(each.start, window.zone), each) for each in _forecasts_of(asset)],
        "scores": sorted(asset.scores.all(), key=lambda score: score.scores.get("quarter_error_kwh", float("inf"))),
        "battery": battery,
        "query": kept_query(request.GET),
        **_sources(asset, request, window),
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


def _is_by_asset(request: HttpRequest) -> bool:
    return request.GET.get("by") == "asset"


def _forecasts_of(asset: Asset) -> Iterable[EnergyForecast]:
    return EnergyForecast.objects.filter(asset=asset).defer("expected", "low", "high")[:SHOWN]


def _known_share(asset: Asset, window: Window, quarters: list[Known]) -> float | None:
    """Of the window's time, from the asset's first reading up to now; None where that is nothing."""
    if asset.first_time is None:
        return None
    newest = max(unix_time(), quarters[-1].start + QUARTER_SECONDS if quarters else 0)
    past = min(window.end, newest)
    (seconds,) = seconds_expected([asset.first_time / MICROSECONDS], [(window.start, past)])
    known = sum(each.covered for each in quarters) / MICROSECONDS
    return min(known / seconds, 1.0) if seconds > 0 else None


def _sources(asset: Asset, request: HttpRequest, window: Window) -> dict[str, Any]:
    """The readings of the quarter that the address names."""
    asked = request.GET.get("sources", "")
    if not asked.isdecimal() or len(asked) > 12 or asset.battery_id is not None:
        return {}
    start = int(asked) // 900 * 900
    return {"sources_of": labelled(start, window.zone), "sources": sources_of(asset, start)}
