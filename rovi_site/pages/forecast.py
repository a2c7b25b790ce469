"""A forecast's page: what was asked, what came out, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from prognosis.errors import ResultMissing
from prognosis.forecasting.runs import run_again
from prognosis.models import ForecastRun
from prognosis.queries import crossing_of_run, date_of, latest_runs, result_of
from prognosis.scoring.table import scores_of_run, total_of
from prognosis.states import RunState
from rovi_site.pages.forecasting import ScoreRow, score_row, when
from rovi_site.pages.forecasts import headline
from rovi_site.pages.words import forecast_badge

SHOWN_POINTS = 50
QUANTILE_WORDS = {
    "q05": "at the earliest, 5 %", "q25": "25 %", "q50": "median", "q75": "75 %", "q95": "at the latest, 95 %",
}  # fmt: skip


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
        "run_headline": headline(run) if run.result_rows else "",
        "may_run": may_run and run.has_ended,
        "table": _table(run),
        "crossings": crossings_of(run),
        "scores": run_scores(run),
    }
    return render(request, "pages/forecast.html", context)


@dataclass(frozen=True)
class CrossingRow:
    """A quantile of the time at which the threshold is crossed."""

    words: str
    ahead: str
    date: datetime | None


def crossings_of(run: ForecastRun | None) -> list[CrossingRow]:
    """Empty where the forecast tells none, or is sure to stay above."""
    if run is None or run.crossing_probability is None or run.crossing_q05 is None:
        return []
    found = crossing_of_run(run)
    return [
        CrossingRow(QUANTILE_WORDS[name], when(run, f"crossing_{name}"), found.date[name]) for name in QUANTILE_WORDS
    ]


@dataclass(frozen=True)
class RunScores:
    """`rows` by how far ahead, and all together."""

    rows: list[ScoreRow]
    total: ScoreRow | None
    first_at: datetime | None  # when the first score is due, where there is none yet


def run_scores(run: ForecastRun | None) -> RunScores | None:
    if run is None or run.state != RunState.DONE:
        return None
    found = scores_of_run(run)
    total = total_of(found)
    due = date_of(run, run.next_score) if total is None else None
    return RunScores([score_row(score) for score in found], score_row(total) if total else None, due)


def _table(run: ForecastRun) -> dict[str, Any] | None:
    """About 50 points over all of the result, so that the page tells its numbers without a chart too."""
    try:
        columns = result_of(run)
    except ResultMissing:  # the headline's place tells it
        return None
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
