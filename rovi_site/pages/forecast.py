"""A forecast's page: what was asked, what came out, and what it was made from."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from prognosis.forecasting.runs import run_again
from prognosis.models import ForecastRun
from prognosis.queries import latest_runs, result_of
from rovi_site.pages.forecasts import headline
from rovi_site.pages.words import forecast_badge

SHOWN_POINTS = 50


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def forecast_page(request: HttpRequest, run_id: int) -> HttpResponse:
    run = latest_runs().filter(pk=run_id).first()
    if run is None:
        raise Http404(f"There is no forecast {run_id}.")
    may_run = role_of(request.user) >= Role.OPERATOR
    if request.method == "POST":
        need(Role.OPERATOR, request, "Forecasting")
        try:
            fresh = run_again(run, request.user)
        except Refused as refused:
            messages.error(request, f"{refused.message} {refused.hint}".strip())
            return redirect("forecast", run.pk)
        messages.success(request, f"Forecast {fresh.pk} is queued; its result appears below.")
        return redirect("forecast", fresh.pk)
    context = {
        "run": run,
        "run_badge": forecast_badge(run, timezone.now()),
        "run_headline": headline(run) if run.result_file else "",
        "may_run": may_run and run.has_ended,
        "table": _table(run),
    }
    return render(request, "pages/forecast.html", context)


def _table(run: ForecastRun) -> dict[str, Any] | None:
    """About 50 points over all of the result, so that the page tells its numbers without a chart too."""
    columns = result_of(run)
    if not columns:
        return None
    rows = len(next(iter(columns.values())))
    step = max(1, -(-rows // SHOWN_POINTS))
    cells = [[_cell(name, value) for value in values[::step].tolist()] for name, values in columns.items()]
    return {"columns": list(columns), "rows": list(zip(*cells, strict=True))}


def _cell(name: str, value: float) -> str:
    """Six digits, and of seconds all: neighbouring points of a long record differ in the last ones."""
    shown = f"{value:.10g}" if name in ("test_time", "battery_time") else f"{value:.6g}"
    return shown.replace("-", "−")
