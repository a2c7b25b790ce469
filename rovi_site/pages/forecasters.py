"""The room of forecasters: which there are, and each with its script, files, history query, runs and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.roles import Role, role_of
from jobs.queries import jobs_of
from prognosis.errors import ResultMissing
from prognosis.models import Forecaster
from prognosis.queries import history_used_by, latest_runs
from prognosis.registration import disable_forecaster, enable_forecaster
from prognosis.scoring.table import Score, scores_of_forecasters, scores_of_version
from prognosis.states import ForecasterKind, ForecasterState, RunState
from rovi_site.pages.forecasting import ScoreRow, score_row
from rovi_site.pages.numbers import UNKNOWN
from rovi_site.pages.scripts import libraries_of
from rovi_site.pages.words import Badge, forecast_badge, job_badge, kind_in_words
from uploads.storage import lines_of

ROWS_A_PAGE = 50
SHOWN_RUNS = 20
SHOWN_JOBS = 10
PREVIEW_ROWS = 5
STATES = (ForecasterState.FAILED, ForecasterState.WAITING, ForecasterState.READY)
DISABLED = "disabled"  # beside its state: the address's word for those that somebody switched off
BADGES = {
    ForecasterState.FAILED: ("Failed", "bad"),
    ForecasterState.WAITING: ("Waiting", "idle"),
    ForecasterState.READY: ("Ready", "ok"),
}


def badge_of(forecaster: Forecaster, sentence: str = "") -> Badge:
    """Its state; the sentence asks the database which batteries there are, so lists do without."""
    if forecaster.disabled_at is not None:
        return Badge("Disabled", "ended", "idle", sentence or "It makes no forecast until somebody enables it.")
    if forecaster.state == ForecasterState.READY and not forecaster.is_current:
        return Badge("Replaced", "ended", "idle", "A newer version forecasts.")
    word, tone = BADGES[forecaster.state]
    told = forecaster.last_error if forecaster.state == ForecasterState.FAILED else ""
    return Badge(word, tone, tone, sentence or told)


@require_GET
@page_for(Role.VIEWER)
def forecasters_page(request: HttpRequest) -> HttpResponse:
    found = _filtered(Forecaster.objects.select_related("registered_by"), request)
    found = found.annotate(made=Count("runs"), last_run=Max("runs__created")).prefetch_related("served")
    page = Paginator(found.order_by("name", "-version"), ROWS_A_PAGE).get_page(request.GET.get("page"))
    scores = {score.forecaster: score_row(score) for score in scores_of_forecasters()}
    counts = dict(Forecaster.objects.order_by().values_list("state").annotate(Count("id")))
    context = {
        "page": page,
        "rows": [(each, badge_of(each), scores.get(str(each))) for each in page],
        "built_in": [(kind_in_words(kind), scores.get(kind)) for kind in ForecasterKind.BUILT_IN],
        "states": [
            *((state, counts.get(state, 0)) for state in STATES),
            (DISABLED, Forecaster.objects.exclude(disabled_at=None).count()),
        ],
        "total": sum(counts.values()),
        "is_filtered": any(request.GET.get(name) for name in ("state", "q")),
        "may_register": role_of(request.user) >= Role.ENGINEER,
    }
    return render(request, "pages/forecasters.html", context)


def _filtered(forecasters: QuerySet[Forecaster], request: HttpRequest) -> QuerySet[Forecaster]:
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    if state in STATES:
        forecasters = forecasters.filter(state=state)
    if state == DISABLED:
        forecasters = forecasters.exclude(disabled_at=None)
    if text:
        matches = Q(name__icontains=text) | Q(last_error__icontains=text) | Q(served__battery_name__icontains=text)
        forecasters = forecasters.filter(pk__in=Forecaster.objects.filter(matches).values("pk"))
    return forecasters


@require_GET
@page_for(Role.VIEWER)
def forecaster_page(request: HttpRequest, forecaster_id: int) -> HttpResponse:
    forecaster = Forecaster.objects.select_related("registered_by").filter(pk=forecaster_id).first()
    if forecaster is None:
        raise Http404(f"There is no forecaster {forecaster_id}.")
    now = timezone.now()
    by_horizon: Sequence[Score] = scores_of_version(forecaster)
    runs = list(latest_runs().filter(forecaster=forecaster)[:SHOWN_RUNS])
    context: dict[str, Any] = {
        "forecaster": forecaster,
        "badge": badge_of(forecaster, forecaster.state_sentence),
        "kind": kind_in_words(forecaster.kind),
        "lines": lines_of(forecaster.script, forecaster.last_error_line),
        "files": list(forecaster.files.all()),
        "libraries": libraries_of(forecaster.library_versions),
        "preview": _preview(forecaster),
        "runs": [(run, forecast_badge(run, now)) for run in runs],
        "all_runs": forecaster.runs.count(),
        "scores": [score_row(score) for score in by_horizon],
        "headline": _headline(by_horizon),
        "versions": [(each, badge_of(each)) for each in Forecaster.objects.filter(name=forecaster.name)[:SHOWN_RUNS]],
        "jobs": [
            (job, job_badge(job, now))
            for job in jobs_of(f"prognosis.forecaster:{forecaster.pk}").select_related("worker")[:SHOWN_JOBS]
        ],
        "may_register": role_of(request.user) >= Role.ENGINEER,
    }
    return render(request, "pages/forecaster.html", context)


@require_POST
@page_for(Role.ENGINEER)
def act_on_forecaster(request: HttpRequest, forecaster_id: int, verb: str) -> HttpResponse:
    forecaster = Forecaster.objects.filter(pk=forecaster_id).first()
    if forecaster is None or verb not in VERBS:
        raise Http404(f"There is no forecaster {forecaster_id} to {verb}.")
    act, sentence = VERBS[verb]
    if act(forecaster):
        messages.success(request, sentence)
    else:
        messages.warning(request, "It was so already; nothing was changed.")
    return redirect("forecaster", forecaster.pk)


VERBS = {
    "disable": (disable_forecaster, "Disabled: who asks it for a forecast is told so. What it made stays."),
    "enable": (enable_forecaster, "Enabled: it may be asked for forecasts again."),
}


def _headline(scores: Sequence[Score]) -> ScoreRow | None:
    """All horizons together."""
    if not scores:
        return None
    whole = Score(scores[0].forecaster, scores[0].kind)
    for score in scores:
        whole.add(score.forecasts, score.sums)
    return score_row(whole)


def _preview(forecaster: Forecaster) -> tuple[list[str], list[list[str]]] | None:
    """The first rows of what its query gave the newest forecast: running it for a page would cost what a run costs."""
    run = latest_runs().filter(forecaster=forecaster, state=RunState.DONE).exclude(history_file="").first()
    if run is None:
        return None
    try:
        history: Mapping[str, Any] = history_used_by(run)
    except ResultMissing:
        return None
    names = list(history)
    rows = zip(*(history[name][:PREVIEW_ROWS].tolist() for name in names), strict=True)
    return names, [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> str:
    return UNKNOWN if value is None or value != value else f"{value:.6g}".replace("-", "−")
