"""The panel on a battery's page that shows whether its filter agrees with it: innovations, NIS, the verdict."""

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
from rovi_site.pages.gaps import with_gaps
from rovi_site.pages.numbers import number
from rovi_site.pages.ranges import TimeRange, range_of
from rovi_site.pages.words import Badge
from twin.models import Estimator
from twin.queries import shown_estimators

POINTS = 2000
ROWS_LOOKED_AT = 20_000  # above this every so many-th row
ROWS_OF_A_MEAN_NIS = 100
BAND_OF_WHITE_ERRORS = (0.673, 1.402)  # 99 % of the means of 100 independent squares (χ²)
SIGMAS = 2.0

# Word, shape and tone by what was found. A cautious filter is no alarm, and neither is a narrow one.
WORDS = {
    None: ("Not judged yet", "idle", "idle"),
    True: ("Consistent", "ok", "ok"),
    False: ("Inconsistent", "warn", "warn"),
    "noise_too_large": ("Cautious", "idle", "idle"),
    "model_too_simple": ("Narrow bands", "warn", "idle"),
}


@dataclass(frozen=True)
class Panel:
    """What stands above the charts."""

    estimator: Estimator
    badge: Badge
    sentence: str
    facts: list[tuple[str, str]]


def panel_of(estimator: Estimator) -> Panel:
    progress = estimator.progress
    verdict = progress.verdict or {}
    mild = verdict.get("cause") if verdict.get("cause") in WORDS else None
    badge = Badge(*WORDS[mild or verdict.get("consistent")])
    return Panel(estimator, badge, progress.consistency, _facts(verdict))


def _facts(verdict: dict[str, Any]) -> list[tuple[str, str]]:
    if not verdict.get("windows"):
        return []
    newest = verdict["newest_nis"]
    looked_at = min(verdict["windows"], 12)
    return [
        ("NIS, newest 100 rows", number(newest, 2 if newest < 100 else 0)),
        ("its 99 % band", f"{number(verdict['low'], 2)} to {number(verdict['high'], 2)}"),
        ("above the band", f"{verdict['windows_above']} of {looked_at} windows"),
        ("below the band", f"{verdict['windows_below']} of {looked_at} windows"),
    ]


@require_GET
@page_for(Role.VIEWER)
def consistency_series(request: HttpRequest, battery_id: int) -> ChartAnswer:
    """Innovations with the deviation that was expected of each, in mV, and means of NIS, over the range."""
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    shown = range_of(request.GET, battery.first_test_time or 0.0, battery.last_test_time or 0.0)
    estimator = shown_estimators().filter(battery=battery).first()
    if estimator is None or not estimator.progress.rows_stepped:
        return ChartAnswer({"empty": "No estimates in this range."})
    innovations, means = _innovations(estimator.pk, shown), _means(estimator.pk, shown)
    if not innovations["t"]:
        return ChartAnswer({"empty": "This estimator predicted no voltage in this range."})
    verdict = estimator.progress.verdict or {}
    band = [verdict.get("low"), verdict.get("high")] if verdict.get("windows") else list(BAND_OF_WHITE_ERRORS)
    return ChartAnswer({"innovations": innovations, "nis": means, "band": band, "sigmas": SIGMAS})


def _innovations(estimator_id: int, shown: TimeRange) -> dict[str, Any]:
    """At most 2,000 of them, chosen so that the shape is kept: what stands out is what matters here."""
    rows = tables.count_innovations(connection, estimator_id, shown.start, shown.end)
    every = max(1, math.ceil(rows / ROWS_LOOKED_AT))
    found = tables.select_innovations(connection, estimator_id, shown.start, shown.end, every)
    if len(found) > POINTS:
        found = _thinned(found)
    columns = ([row[0] for row in found], [1e3 * row[1] for row in found], [1e3 * math.sqrt(row[2]) for row in found])
    t, y, sd = with_gaps(*columns)
    return {"t": t, "y": y, "sd": sd, "rows": rows}


def _thinned(found: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)
    from tsdownsample import MinMaxLTTBDownsampler  # noqa: PLC0415  (needs numpy)

    thin: Any = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]  # the library has no types
    values = np.array([innovation for _, innovation, _ in found], dtype=np.float64)
    # By place, not by time: of a record that is dense on few days it would choose few.
    kept = thin.downsample(np.arange(float(len(values))), values, n_out=POINTS)
    return [found[place] for place in kept.tolist()]


def _means(estimator_id: int, shown: TimeRange) -> dict[str, Any]:
    """Means of 100 rows each; where there are over 2,000 of them, every so many-th."""
    means = tables.select_mean_nis(connection, estimator_id, ROWS_OF_A_MEAN_NIS, shown.start, shown.end)
    step = max(1, math.ceil(len(means) / POINTS))
    t, y = with_gaps([row[0] for row in means[::step]], [row[1] for row in means[::step]])
    return {"t": t, "y": y}
