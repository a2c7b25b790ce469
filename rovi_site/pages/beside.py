"""Kept forecasts of one battery: up to four on one chart, and the one that was known at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery
from prognosis.models import ForecastRun
from prognosis.queries import runs_of
from prognosis.scoring.table import totals_of_runs
from prognosis.states import RunState
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.comparing import soh_lines
from rovi_site.pages.forecasting import ScoreRow, score_row, when
from rovi_site.pages.health_series import since_lines
from rovi_site.pages.numbers import UNKNOWN
from rovi_site.pages.words import made_with_words

MOST = 4
SHOWN_MARKS = 100


@dataclass(frozen=True)
class BesideRow:
    """A forecast of the chart; `crossing` is how far ahead of its own beginning."""

    run: ForecastRun
    by: str
    crossing: str
    score: ScoreRow | None


@dataclass(frozen=True)
class Beside:
    rows: list[BesideRow]
    address: str  # of the series
    complaint: str

    @property
    def numbers(self) -> list[int]:
        return [row.run.pk for row in self.rows]

    @property
    def mark(self) -> str:
        return "-".join(map(str, self.numbers))


def beside_of(battery: Battery, query: QueryDict) -> Beside | None:
    """Those that `beside` names in the address, each made of older estimates before newer; None where none is named."""
    runs, asked = _chosen(battery, query)
    if not asked:
        return None
    totals = totals_of_runs(runs)
    rows = [
        BesideRow(
            run,
            made_with_words(run) or UNKNOWN,
            UNKNOWN if run.threshold is None else when(run, "crossing_q50"),
            score_row(totals[run.pk]) if run.pk in totals else None,
        )
        for run in runs
    ]
    series = urlencode([("beside", run.pk) for run in runs])
    return Beside(rows, f"{reverse('beside-series', args=[battery.pk])}?{series}", _complaint(asked, len(runs)))


def _chosen(battery: Battery, query: QueryDict) -> tuple[list[ForecastRun], int]:
    """At most four that are done and have their files, and how many were asked for."""
    asked = {int(each) for each in query.getlist("beside") if each.isdecimal() and len(each) < 18}
    found = _kept(battery).filter(pk__in=sorted(asked)[:MOST])
    return sorted(found, key=lambda run: (run.newest_estimate, run.pk)), len(asked)


def _kept(battery: Battery) -> QuerySet[ForecastRun]:
    return runs_of(battery).filter(state=RunState.DONE, newest_estimate__isnull=False).exclude(result_file="")


def _complaint(asked: int, found: int) -> str:
    if asked > MOST:
        return f"At most {MOST} are drawn; {asked} were chosen."
    if found < asked:
        return f"{asked - found} of the {asked} chosen have no result that is kept."
    return "Choose another one to compare it with." if found == 1 else ""


@require_GET
@page_for(Role.VIEWER)
def beside_series(request: HttpRequest, battery_id: int) -> ChartAnswer:
    """`lines` of SOH, %, what was estimated `since` the oldest of them was made, and the `thresholds`, %."""
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None:
        raise Http404(f"There is no battery {battery_id}.")
    runs, _ = _chosen(battery, request.GET)
    since = []
    if runs:
        runs[0].horizon_end = max(run.horizon_end or 0.0 for run in runs)  # truth goes as far as any of them looks
        since = [line for line in since_lines(runs[0]) if line["unit"] == "%"]
    return ChartAnswer(
        {
            "lines": soh_lines((run, f"forecast {run.pk}") for run in runs),
            "since": since,
            "thresholds": sorted({100 * run.threshold for run in runs if run.threshold is not None}),
        }
    )


# --- what was known at a time ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class AsKnown:
    """`at`: the asked test time, s; None: now. `marks`: where the kept forecasts begin."""

    at: float | None
    first: float
    last: float
    marks: list[float]
    run: ForecastRun | None
    complaint: str = ""

    @property
    def shown_at(self) -> float:
        return self.last if self.at is None else self.at


def as_known(battery: Battery, query: QueryDict) -> AsKnown | None:
    """The forecast made of the newest estimates up to `asof` in the address; None where no forecast is kept."""
    kept = _kept(battery).filter(comparison=None)
    begins = kept.order_by("-newest_estimate").values_list("newest_estimate", flat=True).distinct()
    marks = sorted(at for at in begins[:SHOWN_MARKS] if at is not None)
    if not marks:
        return None
    last = max(battery.last_test_time or marks[-1], marks[-1])
    text = query.get("asof", "").strip()
    at = _seconds(text)
    if at is None:
        why = f"{text[:50]!r} is no time: write seconds of test time." if text else ""
        return AsKnown(None, marks[0], last, marks, None, why)
    run = kept.filter(newest_estimate__lte=at).order_by("-newest_estimate", "-pk").first()
    return AsKnown(at, marks[0], last, marks, run, "" if run else "No kept forecast was made of so little.")


def _seconds(text: str) -> float | None:
    """
    >>> _seconds("3.5e4"), _seconds("nan"), _seconds("yesterday"), _seconds("")
    (35000.0, None, None, None)
    """
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
