"""Two versions of an estimator side by side: their series for a chart, and how far they lie apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery
from rovi_site import tables
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.health_series import DRAWN, SCALES, series_of_block
from rovi_site.pages.numbers import number
from rovi_site.pages.ranges import range_of
from twin.models import Estimator
from twin.queries import estimates
from twin.tables import columns_of

POINTS = 1000
PAIRS_LOOKED_AT = 50_000
TITLES = {"soc": ("State of charge", "%", 2), "q_t": ("Capacity", "Ah", 4), "r0": ("Resistance", "mΩ", 2)}


@dataclass(frozen=True)
class Difference:
    """Of one quantity, the second version less the first, over rows that both have estimated."""

    title: str
    unit: str
    rmse: str
    newest: str
    rows: int


def differences(a: Estimator, b: Estimator) -> list[Difference]:
    """Root mean square, and at the newest row; nothing where the two have no state or no row in common."""
    shared = [(key, first, second) for key in DRAWN if (first := _column(a, key)) and (second := _column(b, key))]
    if not shared:
        return []
    every = max(1, math.ceil(min(a.progress.rows_stepped, b.progress.rows_stepped) / PAIRS_LOOKED_AT))
    pairs = [(first, second) for _, first, second in shared]
    rows, squares, newest = tables.select_differences(connection, a.pk, b.pk, pairs, every)
    if not rows:
        return []
    return [_told(key, squares[place], newest[place], rows) for place, (key, *_) in enumerate(shared)]


def _told(key: str, square: float, newest: float, rows: int) -> Difference:
    title, unit, digits = TITLES[key]
    scale = SCALES[key]
    rmse = number(math.sqrt(max(square, 0.0)) * scale, digits)
    return Difference(title, unit, rmse, number(newest * scale, digits, signed=True), rows)


def _column(estimator: Estimator, key: str) -> str:
    names = estimator.progress.state_names
    found = (column for name, column in zip(names, columns_of(names), strict=True) if name.split(".")[0] == key)
    return next(found, "")


@require_GET
@page_for(Role.VIEWER)
def version_series(request: HttpRequest, battery_id: int) -> ChartAnswer:
    """SOC, capacity and R0 of the versions `a` and `b` (ids) over the range, with their deviations."""
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    record = battery.first_test_time or 0.0, battery.last_test_time or 0.0
    shown = range_of(request.GET, *record, offset_of(battery))
    asked = [text for name in ("a", "b") if (text := request.GET.get(name, "")).isdecimal() and len(text) < 18]
    by_id = Estimator.objects.select_related("progress").filter(battery=battery).in_bulk([int(text) for text in asked])
    found = [by_id[int(text)] for text in asked if int(text) in by_id]
    end = math.nextafter(shown.end, math.inf)
    versions: list[dict[str, Any]] = []
    for version in found:
        block = estimates(version, start=shown.start, end=end, points=POINTS)
        current = " (current)" if version.is_current else ""
        name = f"v{version.version}{current}"
        versions.append({"id": version.pk, "name": name, "series": series_of_block(block, block.state_names)})
    return ChartAnswer({"range": {"start": shown.start, "end": shown.end}, "versions": versions})
