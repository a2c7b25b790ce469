"""The room of forecasts: the newest of them, fleet forecasts with their tables, forecasters by score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.errors import NoSuchBattery
from datahub.models import Battery
from datahub.queries import battery_named
from prognosis.fleet_table import as_csv, rows_of
from prognosis.forecasting.groups import request_fleet
from prognosis.group_forms import FleetForm
from prognosis.models import Comparison, FleetForecast, ForecastRun
from prognosis.queries import count_of_runs, date_of, fleet_rows, latest_runs
from prognosis.scoring.table import Score, scores_by_horizon, scores_of_forecasters
from prognosis.states import RunState
from rovi_site.pages import errors
from rovi_site.pages.numbers import UNKNOWN, duration, number
from rovi_site.pages.words import Badge, forecast_badge, job_badge

ROWS_A_PAGE = 50
SHOWN = 20


@dataclass(frozen=True)
class ScoreRow:
    """A score as people read it, in % of SOH."""

    score: Score
    absolute: str
    bias: str
    inside_50: str
    inside_90: str
    pinball: str
    skill: str


@dataclass(frozen=True)
class FleetRow:
    run: ForecastRun
    badge: Badge
    crossing: str
    date: datetime | None
    band: str
    chance: str


def score_row(score: Score) -> ScoreRow:
    return ScoreRow(
        score,
        _percent(score.absolute_error, 2),
        _percent(score.bias, 2, signed=True),
        _percent(score.inside_50, 0),
        _percent(score.inside_90, 0),
        _percent(score.pinball, 3),
        number(score.skill, 2, signed=True),
    )


def _percent(share: float | None, digits: int, *, signed: bool = False) -> str:
    return number(None if share is None else 100 * share, digits, signed=signed)


@require_GET
@page_for(Role.VIEWER)
def forecasts_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    alone = latest_runs().filter(fleet=None, comparison=None)
    context = {
        "runs": [(run, forecast_badge(run, now)) for run in alone[:SHOWN]],
        "fleets": FleetForecast.objects.select_related("job", "requested_by")[:SHOWN],
        "comparisons": Comparison.objects.select_related("battery", "job")[:SHOWN],
        "scores": [score_row(score) for score in scores_of_forecasters()],
        "some_battery": Battery.objects.order_by("name").first(),
    }
    return render(request, "pages/forecasts.html", context)


@require_GET
@page_for(Role.VIEWER)
def scores_page(request: HttpRequest) -> HttpResponse:
    name = request.GET.get("battery", "")
    try:
        battery = battery_named(name) if name else None
    except NoSuchBattery as unknown:
        return errors.refused(request, unknown)
    context = {
        "battery": battery,
        "scores": [score_row(score) for score in scores_of_forecasters(battery)],
        "by_horizon": [score_row(score) for score in scores_by_horizon(battery)],
    }
    return render(request, "pages/scores.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def fleet_form_page(request: HttpRequest) -> HttpResponse:
    form = FleetForm(request.POST, request.FILES) if request.method == "POST" else FleetForm(initial=_asked(request))
    if request.method == "POST":
        need(Role.OPERATOR, request, "Forecasting")
        if form.is_valid():
            try:
                fleet = request_fleet(form.chosen, form.load, form.asked, request.user)
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(request, f"{fleet.total} forecasts are queued; they appear below.")
                return redirect("fleet-forecast", fleet.pk)
    context = {"form": form, "may_forecast": role_of(request.user) >= Role.OPERATOR, "total": Battery.objects.count()}
    return render(request, "pages/fleet_form.html", context, status=422 if form.errors else 200)


def _asked(request: HttpRequest) -> dict[str, Any]:
    return {"which": "text", "text": request.GET["q"]} if request.GET.get("q") else {}


@require_GET
@page_for(Role.VIEWER)
def fleet_forecast_page(request: HttpRequest, fleet_id: int) -> HttpResponse:
    fleet = FleetForecast.objects.select_related("job", "job__worker", "requested_by").filter(pk=fleet_id).first()
    if fleet is None:
        raise Http404(f"There is no fleet forecast {fleet_id}.")
    if request.GET.get("format") == "csv":
        disposition = f'attachment; filename="fleet-forecast-{fleet.pk}.csv"'
        return HttpResponse(
            as_csv(rows_of(fleet)), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition}
        )
    counts, now = count_of_runs(fleet), timezone.now()
    page = Paginator(fleet_rows(fleet), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "fleet": fleet,
        "job_badge": job_badge(fleet.job, now) if fleet.job else None,
        "counts": counts,
        "done": counts[RunState.DONE],
        "failed": counts[RunState.FAILED],
        "share": (counts[RunState.DONE] + counts[RunState.FAILED]) / max(fleet.total, 1),
        "within": fleet.runs.filter(crossing_q50__isnull=False).count(),
        "page": page,
        "rows": [_fleet_row(run, now) for run in page],
    }
    return render(request, "pages/fleet_forecast.html", context)


def _fleet_row(run: ForecastRun, now: datetime) -> FleetRow:
    return FleetRow(
        run, forecast_badge(run, now), when(run, "crossing_q50"), date_of(run, run.crossing_q50),
        _band(run),
        chance_words(run.crossing_probability),
    )  # fmt: skip


def _band(run: ForecastRun) -> str:
    """The times between which it is crossed with 90 %; nothing where that is sure to lie behind or beyond."""
    early, late = when(run, "crossing_q05"), when(run, "crossing_q95")
    return UNKNOWN if run.crossing_q05 is None or early == late else f"{early} … {late}"


def when(run: ForecastRun, field: str) -> str:
    """How far ahead a quantile of the crossing lies, in words."""
    at = getattr(run, field)
    if run.state_now != RunState.DONE or run.newest_estimate is None:
        return UNKNOWN
    if at is None:
        return f"not in {duration(run.load['ahead_time'])}"
    ahead = at - run.newest_estimate
    return "already" if ahead <= 0 else duration(ahead)


def chance_words(probability: float | None) -> str:
    """What five quantiles can tell of a probability lies between 5 and 95 %."""
    if probability is None:
        return UNKNOWN
    if probability <= 0.05:
        return "≤ 5 %"
    return "≥ 95 %" if probability >= 0.95 else f"{100 * probability:.0f} %"
