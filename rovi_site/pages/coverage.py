"""Where a battery's rows are and where they are missing: the strip below its charts, and the list that it opens to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery, DataImport, Mark
from datahub.queries import read_window
from rovi_site import tables
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.gaps import GAP_STEPS
from rovi_site.pages.ranges import range_of
from twin.models import Recomputed, VersionChange

PARTS = 120
SAMPLE_ROWS = 2000
SHOWN = 50
SHOWN_IMPORTS = 10
SHOWN_EVENTS = 5
SHOWN_MARKS = 50


@require_GET
@page_for(Role.VIEWER)
def battery_coverage(request: HttpRequest, battery_id: int) -> ChartAnswer:
    """`parts` of the range (rows, late), `gaps` (from, to, s), `late` rows, `refused` of files, and counters."""
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    shown = range_of(request.GET, battery.first_test_time or 0.0, battery.last_test_time or 0.0)
    answer: dict[str, Any] = {
        "range": [shown.start, shown.end],
        "parts": [],
        "gaps": [],
        "late": [],
        "late_rows": battery.late_rows,
        "repeated_rows": battery.repeated_rows,
        "refused_rows": battery.refused_rows,
        "refused": _refused(battery) if battery.refused_rows else [],
    }
    if battery.kept_rows and "test_time" in battery.columns and shown.end > shown.start:
        span = (battery.pk, shown.start, shown.end)
        step = _usual_step(battery)
        answer["parts"] = _parts(tables.count_in_parts(connection, *span, PARTS))
        answer["gaps"] = tables.select_steps(connection, *span, GAP_STEPS * step, SHOWN) if step else []
        answer["usual_step"] = step
        answer["late"] = tables.select_late(connection, *span, SHOWN) if battery.late_rows else []
    return ChartAnswer(answer)


def _parts(counted: Sequence[tuple[int, int, int]]) -> list[list[int]]:
    """[rows, late] of each part; the row at the very end belongs to the last."""
    parts = [[0, 0] for _ in range(PARTS)]
    for place, rows, late in counted:
        part = parts[min(max(place, 0), PARTS - 1)]
        part[0] += rows
        part[1] += late
    return parts


def _usual_step(battery: Battery) -> float | None:
    """Median time between the rows that came last, s."""
    newest = max(battery.rows - SAMPLE_ROWS, battery.dropped_to)
    block = read_window(battery, columns=["test_time"], after=newest, limit=SAMPLE_ROWS)
    times = sorted(time for time in block.columns["test_time"].tolist() if time == time)
    steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return median(steps) if steps else None


def _refused(battery: Battery) -> list[dict[str, Any]]:
    """The first refused rows of imported files; of sockets and requests the sender was told, and nothing is kept."""
    imports = DataImport.objects.filter(battery=battery).exclude(first_rejections=[]).order_by("-pk")[:SHOWN_IMPORTS]
    return [
        {"file": each.file_name, "index": row.get("index"), "code": row.get("code"), "message": row.get("message")}
        for each in imports
        for row in each.first_rejections
    ][:SHOWN]


def events_of(battery: Battery) -> list[dict[str, Any]]:
    """What happened to the estimates along test time: versions that took over, and what late rows had made anew."""
    if not battery.kept_rows:
        return []
    events = []
    changes = VersionChange.objects.filter(battery=battery, before_version__isnull=False)[:SHOWN_EVENTS]
    for change in changes:
        t = tables.test_time_at(connection, battery.pk, change.at.timestamp())
        if t is not None:
            words = f"v{change.after_version} took the place of v{change.before_version}: {change.reason}"
            events.append({"t": t, "kind": "version", "words": words})
    for again in Recomputed.objects.filter(estimator__battery=battery, estimator__is_current=True)[:SHOWN_EVENTS]:
        words = f"From here {again.rows:,} estimates were made anew".replace(",", "\u202f")
        events.append({"t": again.late_time, "kind": "recomputed", "words": words})
    if battery.late_from is not None and not any(event["kind"] == "recomputed" for event in events):
        words = f"Earliest of {battery.late_rows:,} late rows".replace(",", "\u202f")
        events.append({"t": battery.late_from, "kind": "late", "words": words})
    for mark in Mark.objects.filter(battery=battery).select_related("by").order_by("-test_time")[:SHOWN_MARKS]:
        by = f" ({mark.by})" if mark.by else ""
        events.append({"t": mark.test_time, "kind": "mark", "words": f"{mark.text}{by}"})
    return sorted(events, key=lambda event: event["t"])
