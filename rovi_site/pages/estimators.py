"""The room of estimators: which there are, and each with its error, script, numbers and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role, role_of
from jobs.queries import jobs_of
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.health import Health, doubt_about, health_of
from rovi_site.pages.numbers import UNKNOWN, count, duration, number
from rovi_site.pages.parameters import parameters_in_words
from rovi_site.pages.scripts import libraries_of
from rovi_site.pages.spans import span
from rovi_site.pages.versions import VersionRow, badge_of_version, version_rows
from rovi_site.pages.words import Badge, job_badge, kind_in_words, skipped_in_words
from twin.models import Estimator
from twin.queries import with_all_it_takes
from twin.states import Kind, Stored, rows_behind
from twin.versions import version_before
from uploads.storage import lines_of

ROWS_A_PAGE = 50
SHOWN_VERSIONS = 20
SHOWN_JOBS = 10
OCV_POINTS = 201
# The address's word to what is looked for.
STATES = {
    "failed": Q(state=Stored.FAILED),
    "inconsistent": Q(progress__is_inconsistent=True),
    "stale": Q(progress__late_from__isnull=False),
    "waiting": Q(state=Stored.WAITING),
    "ready": Q(state=Stored.READY, progress__is_inconsistent=False, progress__late_from=None),
}


@dataclass(frozen=True)
class Row:
    estimator: Estimator
    badge: Badge
    doubt: Badge | None
    lag: str


@require_GET
@page_for(Role.VIEWER)
def estimators_page(request: HttpRequest) -> HttpResponse:
    found = _filtered(with_all_it_takes(), request)
    page = Paginator(found.order_by("battery__name", "-version"), ROWS_A_PAGE).get_page(request.GET.get("page"))
    counts = _counts()
    context = {
        "page": page,
        "rows": [Row(each, badge_of_version(each), doubt_about(each.progress), lag_of(each)) for each in page],
        "states": [(word, counts[word]) for word in STATES],
        "total": counts["all"],
        "is_filtered": any(request.GET.get(name) for name in ("state", "kind", "q", "versions")),
        "kinds": [(kind, kind_in_words(kind)) for kind in Kind.ALL],
        "may_register": role_of(request.user) >= Role.ENGINEER,
    }
    return render(request, "pages/estimators.html", context)


def _counts() -> Mapping[str, int]:
    """One question each, of which there are a fixed number; by the rows' own indexes."""
    counts = Counter({word: Estimator.objects.filter(wanted).count() for word, wanted in STATES.items()})
    counts["all"] = Estimator.objects.count()
    return counts


def _filtered(estimators: QuerySet[Estimator], request: HttpRequest) -> QuerySet[Estimator]:
    state, kind, text = request.GET.get("state", ""), request.GET.get("kind", ""), request.GET.get("q", "").strip()
    if state in STATES:
        estimators = estimators.filter(STATES[state])
    if kind in Kind.ALL:
        estimators = estimators.filter(kind=kind)
    if request.GET.get("versions") == "current":
        estimators = estimators.filter(is_current=True)
    if text:
        matches = Q(battery__name__icontains=text) | Q(last_error__icontains=text)
        if text.isdecimal() and len(text) < 18:
            matches |= Q(pk=int(text))
        estimators = estimators.filter(matches)
    return estimators


def lag_of(estimator: Estimator) -> str:
    behind = rows_behind(estimator)
    if not estimator.is_current and not estimator.followed:
        return "stands still"
    return f"{count(behind)} rows behind" if behind else "none"


# --- one estimator ---------------------------------------------------------------------------------------------------
@require_GET
@page_for(Role.VIEWER)
def estimator_page(request: HttpRequest, estimator_id: int) -> HttpResponse:
    estimator = _estimator(estimator_id)
    role = role_of(request.user)
    jobs = jobs_of(f"twin.estimator:{estimator.pk}").select_related("worker")[:SHOWN_JOBS]
    context: dict[str, Any] = {
        "estimator": estimator,
        "battery": estimator.battery,
        "badge": badge_of_version(estimator),
        "doubt": doubt_about(estimator.progress),
        "facts": _facts(estimator),
        "kind": kind_in_words(estimator.kind),
        "jobs": [(job, job_badge(job, timezone.now())) for job in jobs],
        "waits_for": _share_of_data(estimator),
        "libraries": libraries_of(estimator.library_versions),
        "health": _health(estimator),
        "may_change_versions": role >= Role.ENGINEER,
        "may_delete_results": role >= Role.ADMINISTRATOR,
        **_versions(estimator),
    }
    if estimator.is_script:
        context |= {
            "lines": lines_of(estimator.script, estimator.error_line),
            "files": list(estimator.files.all()),
        }
    else:
        context["parameters"] = parameters_in_words(estimator.parameters or {})
    return render(request, "pages/estimator.html", context)


def _health(estimator: Estimator) -> Health | None:
    return health_of([estimator.battery]).get(estimator.battery_id) if estimator.is_current else None


def _versions(estimator: Estimator) -> dict[str, Any]:
    versions: list[VersionRow] = version_rows(estimator.battery, SHOWN_VERSIONS)
    current = next((row.estimator for row in versions if row.estimator.is_current), None)
    return {
        "versions": versions,
        "roll_back_to": version_before(current) if current else None,
        "all_versions": estimator.battery.estimators.count(),
    }


def _facts(estimator: Estimator) -> list[tuple[str, str]]:
    progress = estimator.progress
    step = f"{1e6 / progress.steps_per_second:.0f} µs a row" if progress.steps_per_second else UNKNOWN
    skipped = skipped_in_words(progress.rows_skipped)
    kept = estimator.checkpoints.filter(is_again=False).order_by("-kept").first()
    return [
        ("Cursor", f"{count(progress.rows_seen)} of {count(estimator.battery.rows)} rows"),
        ("Lag", lag_of(estimator)),
        ("Estimates", count(progress.rows_stepped)),
        ("Without an estimate", skipped or "none"),
        ("Speed", step),
        ("Newest estimate", span(progress.latest_time)),
        ("Mean NIS", UNKNOWN if progress.mean_nis is None else f"{number(progress.mean_nis, 2)}, 1 is expected"),
        (
            "Checkpoint",
            "the start" if kept is None or kept.latest_time is None else span(kept.latest_time),
        ),
    ]


def _share_of_data(estimator: Estimator) -> tuple[str, str, float] | None:
    """(has, needs, share) of the time that it waits for; None where it waits for none."""
    battery = estimator.battery
    if estimator.state != Stored.WAITING or not estimator.required_time:
        return None
    has = (battery.last_test_time or 0.0) - (battery.first_test_time or 0.0)
    return duration(has), duration(estimator.required_time), min(has / estimator.required_time, 1.0)


@require_GET
@page_for(Role.VIEWER)
def estimator_series(request: HttpRequest, estimator_id: int) -> ChartAnswer:
    """The OCV that a built-in estimator goes by, as static/js/charts.js takes it; nothing for a script."""
    from twin.measuring.estimated import ocv_of  # noqa: PLC0415  (numpy; a web process boots without it)

    ocv = ocv_of(_estimator(estimator_id))
    if ocv is None:
        return ChartAnswer({})
    soc = [place / (OCV_POINTS - 1) for place in range(OCV_POINTS)]
    curve = {"t": [100 * each for each in soc], "y": [ocv.voltage_at(each) for each in soc], "name": "OCV"}
    knots = {"t": [100 * each for each in ocv.soc], "y": list(ocv.voltage), "name": "knots", "points": True}
    lines = [curve | {"colour": "series-1", "unit": "V"}, knots | {"colour": "series-2", "unit": "V"}]
    first, last = (f"{v:.3f} V at {100 * s:.0f} %" for s, v in ((ocv.soc[i], ocv.voltage[i]) for i in (0, -1)))
    ends = f"Open-circuit voltage from {first} to {last} SOC"
    chart = {"panels": [{"title": "Open-circuit voltage, V", "lines": lines}],
             "x": {"title": "SOC, %", "range": [-2.0, 102.0]}, "label": ends}  # fmt: skip
    return ChartAnswer({"ocv": chart})


def _estimator(estimator_id: int) -> Estimator:
    found = with_all_it_takes().select_related("registered_by", "parameter_set").filter(pk=estimator_id).first()
    if found is None:
        raise Http404(f"There is no estimator {estimator_id}.")
    return found
