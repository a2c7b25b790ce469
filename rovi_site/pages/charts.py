"""Series for the charts, as JSON: what a range shows, or what came since the page last asked."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery
from prognosis.errors import ResultMissing
from prognosis.models import Comparison
from prognosis.queries import latest_runs, runs_of
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.comparing import comparison_lines
from rovi_site.pages.coverage import events_of
from rovi_site.pages.forecasts import forecast_lines, in_ah
from rovi_site.pages.health import Health, health_of
from rovi_site.pages.health_series import coverage, estimates_after, estimates_series, past_lines, since_lines
from rovi_site.pages.ranges import TimeRange, range_of
from rovi_site.pages.series import rows_series, rows_series_after, truth_series


@require_GET
@page_for(Role.VIEWER)
def battery_series(request: HttpRequest, battery_id: int) -> ChartAnswer:
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    if "count" in request.GET:
        return ChartAnswer({"record": _record(battery)})
    offset = offset_of(battery)
    shown = range_of(request.GET, battery.first_test_time or 0.0, battery.last_test_time or 0.0, offset)
    answer = {"range": _range(shown), "record": _record(battery), "clock_offset": offset}
    after = _whole(request.GET.get("after"))
    if after is not None:
        return ChartAnswer(
            answer
            | _newer(
                battery, after, _whole(request.GET.get("after_estimate")) or 0, request.GET.get("after_series", "")
            )
        )
    return ChartAnswer(answer | _all(battery, shown))


@require_GET
@page_for(Role.VIEWER)
def forecast_series(request: HttpRequest, run_id: int) -> JsonResponse:
    run = latest_runs().filter(pk=run_id).first()
    if run is None:
        raise Http404(f"There is no forecast {run_id}.")
    try:
        return ChartAnswer({**forecast_lines(run), "past": past_lines(run), "since": since_lines(run)})
    except ResultMissing as missing:
        return JsonResponse({"error": f"{missing.message} {missing.hint}"}, status=missing.status)


@require_GET
@page_for(Role.VIEWER)
def comparison_series(request: HttpRequest, comparison_id: int) -> ChartAnswer:
    comparison = Comparison.objects.filter(pk=comparison_id).first()
    if comparison is None:
        raise Http404(f"There is no comparison {comparison_id}.")
    return ChartAnswer(comparison_lines(comparison))


def _all(battery: Battery, shown: TimeRange) -> dict[str, Any]:
    rows = rows_series(battery, shown)
    health = health_of([battery]).get(battery.pk)
    estimates, newest = estimates_series(health, shown) if health else (None, 0)
    answer: dict[str, Any] = {
        "rows": rows,
        "health": estimates,
        "truth": truth_series(battery, shown),
        "after": {"rows": rows["after"], "estimates": newest, "series": _series_of(health)},
        "reference": health.reference_text if health else "",
        "coverage": coverage(health, battery) if health and battery.is_simulated else None,
        "forecast": _newest_forecast(battery),
        "events": events_of(battery),
    }
    if estimates is None:
        answer["no_health"] = health.badge.sentence if health else "No estimator."
    if not rows["rows"]:
        answer["empty"] = f"No rows in this range. The newest is at t = {battery.last_test_time or 0:.0f} s."
    return answer


def _newer(battery: Battery, after: int, after_estimate: int, series: str) -> dict[str, Any]:
    """What came since; all of it anew where it is too much, or where late rows had the estimates replaced."""
    rows = rows_series_after(battery, after)
    health = health_of([battery]).get(battery.pk)
    if series and series != _series_of(health):
        return {"reload": True}
    found = estimates_after(health, after_estimate) if health else (None, 0)
    if rows is None or found is None:
        return {"reload": True}
    estimates, newest = found
    answer: dict[str, Any] = {
        "rows": rows,
        "health": estimates,
        "after": {"rows": rows["after"], "estimates": newest or after_estimate, "series": _series_of(health)},
    }
    times = [t for line in rows["lines"] for t in line["t"] if t is not None]
    if times:
        answer["truth"] = truth_series(battery, TimeRange(min(times), max(times), True, ""))
    return answer


def _series_of(health: Health | None) -> str:
    """Another one where the estimates that a page shows are no longer those that there are."""
    return f"{health.estimator_id}.{health.estimator.progress.series}" if health else "none"


def _newest_forecast(battery: Battery) -> list[dict[str, Any]]:
    """The capacity of the last forecast that is done, to go on where the estimates end; no load of a comparison."""
    run = runs_of(battery).filter(state="done", as_of=None, comparison=None).first()
    if run is None:
        return []
    try:
        lines = forecast_lines(run)["lines"]
    except ResultMissing:
        return []
    return [{**line, "run": run.pk} for line in in_ah(lines, run.reference_capacity) if line["name"] == "Capacity"]


def _record(battery: Battery) -> dict[str, Any]:
    return {"first": battery.first_test_time, "last": battery.last_test_time, "rows": battery.kept_rows}


def _range(shown: TimeRange) -> dict[str, Any]:
    return {"start": shown.start, "end": shown.end, "follows": shown.follows, "words": shown.words}


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 18 else None
