"""Several loads on one battery: the form, and what each does to its health beside the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.errors import NoSuchBattery
from datahub.queries import battery_named
from prognosis.errors import ResultMissing
from prognosis.forecasting.groups import request_comparison
from prognosis.forecasting.quantiles import health_of
from prognosis.group_forms import ComparisonForm
from prognosis.models import Comparison, ForecastRun
from prognosis.queries import latest_runs, result_of
from prognosis.states import RunState
from rovi_site.pages import errors
from rovi_site.pages.gaps import with_gaps
from rovi_site.pages.numbers import UNKNOWN, duration, number
from rovi_site.pages.words import Badge, forecast_badge

if TYPE_CHECKING:
    import numpy as np

COLOURS = ("series-1", "series-2", "series-3", "series-4", "series-5")
POINTS = 400


@dataclass(frozen=True)
class LoadRow:
    """A load of a comparison; the differences are to the first one's. The end is that of the shortest horizon."""

    run: ForecastRun
    badge: Badge
    crossing: str
    band: str
    difference: str
    soh_at_end: str
    soh_difference: str


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def compare_page(request: HttpRequest) -> HttpResponse:
    """The form, for the battery that `?battery=` names."""
    if request.method == "POST":
        need(Role.OPERATOR, request, "Forecasting")
    try:
        battery = battery_named(request.GET.get("battery", ""))
    except NoSuchBattery as unknown:
        return errors.refused(request, unknown)
    may = role_of(request.user) >= Role.OPERATOR
    form = ComparisonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            comparison = request_comparison(battery, form.loads, form.asked, request.user)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, "The loads are queued; their forecasts appear below.")
            return redirect("comparison", comparison.pk)
    context = {"battery": battery, "form": form, "may_forecast": may}
    return render(request, "pages/compare_form.html", context, status=422 if form.errors else 200)


@require_GET
@page_for(Role.VIEWER)
def comparison_page(request: HttpRequest, comparison_id: int) -> HttpResponse:
    comparison = Comparison.objects.select_related("battery", "job").filter(pk=comparison_id).first()
    if comparison is None:
        raise Http404(f"There is no comparison {comparison_id}.")
    runs = _runs(comparison)
    horizons = _horizons(runs)
    within = min(horizons, default=None)
    context = {
        "comparison": comparison,
        "rows": _rows(runs, within),
        "at": "at the end" if within is None or max(horizons) == within else f"after {duration(within)}",
        "is_done": any(run.state == RunState.DONE for run in runs),
        "mark": "-".join(run.state_now for run in runs),
        "why": next((run.why for run in runs if run.why), ""),
    }
    return render(request, "pages/comparison.html", context)


def comparison_lines(comparison: Comparison) -> dict[str, Any]:
    """For the chart: the line of each load, and the thresholds in %."""
    named = [(run, run.label or f"load {place + 1}") for place, run in enumerate(_runs(comparison))]
    return {"lines": soh_lines(named), "thresholds": [100 * comparison.threshold]}


def soh_lines(named: Iterable[tuple[ForecastRun, str]]) -> list[dict[str, Any]]:
    """SOH in % of each forecast with the band that holds 90 %, by test time, s; those that tell none are left out."""
    lines = []
    for place, (run, name) in enumerate(named):
        found = _health(run)
        if found is None:
            continue
        times, median, quantiles = found
        band = [] if quantiles is None else [(100 * quantiles[end]).tolist() for end in (0, -1)]
        t, y, *edges = with_gaps(times.tolist(), (100 * median).tolist(), *band)
        line = {
            "name": name, "unit": "%", "t": t, "y": y,
            "colour": COLOURS[place % len(COLOURS)], "dashed": place >= len(COLOURS),
        }  # fmt: skip
        lines.append(line | dict(zip(("lower", "upper"), edges, strict=False)))
    return lines


def _runs(comparison: Comparison) -> list[ForecastRun]:
    return list(latest_runs().filter(comparison=comparison).order_by("place"))


def _health(run: ForecastRun) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    try:
        columns = result_of(run)
    except ResultMissing:
        return None
    health = health_of(columns, run.reference_capacity) if columns else None
    times = columns.get("battery_time")
    if health is None or times is None:
        return None
    picked = np.unique(np.linspace(0, len(times) - 1, min(POINTS, len(times))).round().astype(int))
    return times[picked], health.median[picked], None if health.quantiles is None else health.quantiles[:, picked]


def _rows(runs: list[ForecastRun], within: float | None) -> list[LoadRow]:
    """`within`: how far ahead SOH is compared, s."""
    now = timezone.now()
    ends = [_soh_at(run, within) for run in runs]
    rows = []
    for run, end in zip(runs, ends, strict=True):
        gain = None if end is None or ends[0] is None or run is runs[0] else 100 * (end - ends[0])
        rows.append(
            LoadRow(
                run,
                forecast_badge(run, now),
                _told(run, _ahead(run, "crossing_q50")),
                _band(run),
                "" if run is runs[0] else _difference(run, runs[0]),
                number(None if end is None else 100 * end, 1),
                "" if gain is None else number(gain, 1, signed=True),
            )
        )
    return rows


def _difference(run: ForecastRun, first: ForecastRun) -> str:
    """Of the median crossing. One that is not within its horizon is later than all that lies within that horizon."""
    if run.state_now != RunState.DONE or first.state_now != RunState.DONE:
        return ""
    own, of_first = _ahead(run, "crossing_q50"), _ahead(first, "crossing_q50")
    if own is not None and of_first is not None:
        apart = own - of_first
        return f"{duration(abs(apart))} {'later' if apart > 0 else 'sooner'}" if apart else "the same"
    if of_first is not None:
        return "later" if of_first <= (_ahead(run, "horizon_end") or 0.0) else ""
    if own is not None:
        return "sooner" if own <= (_ahead(first, "horizon_end") or 0.0) else ""
    return ""


def _horizons(runs: list[ForecastRun]) -> list[float]:
    """How far ahead those that are done look, s."""
    return [ahead for run in runs if run.state == RunState.DONE and (ahead := _ahead(run, "horizon_end")) is not None]


def _soh_at(run: ForecastRun, ahead: float | None) -> float | None:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    found = _health(run)
    if found is None or ahead is None or run.newest_estimate is None:
        return None
    return float(np.interp(run.newest_estimate + ahead, found[0], found[1]))


def _ahead(run: ForecastRun, field: str) -> float | None:
    at = getattr(run, field)
    return None if at is None or run.newest_estimate is None else at - run.newest_estimate


def _told(run: ForecastRun, ahead: float | None) -> str:
    if run.state_now != RunState.DONE:
        return UNKNOWN
    if ahead is None:
        return f"not within {duration(run.load['ahead_time'])}"
    return "already" if ahead <= 0 else f"in {duration(ahead)}"


def _band(run: ForecastRun) -> str:
    """The times between which it is crossed with 90 %."""
    if run.state_now != RunState.DONE:
        return UNKNOWN
    early, late = _ahead(run, "crossing_q05"), _ahead(run, "crossing_q95")
    if early is None:
        return UNKNOWN
    return f"{duration(early)} to {'beyond' if late is None else duration(late)}"
