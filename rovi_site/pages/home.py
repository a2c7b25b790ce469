"""The fleet: what needs attention, and each battery's state and health."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub import states
from datahub.models import Battery
from rovi_site.pages.health import Health, health_of, trouble_of_estimators
from rovi_site.pages.health_series import sparks_of
from rovi_site.pages.sparklines import Spark
from rovi_site.pages.words import SIMULATED, Badge, data_badge

ROWS_A_PAGE = 50
SHOWN_TROUBLES = 8
# The address's word to the state.
DATA_FILTERS = {states.WORDS[code].lower(): code for code in ("live", "late", "silent", "finished", "never")}
# How a column is sorted: the address's word to the fields of the query.
SORTS = {
    "name": ("name",),
    "rows": ("rows", "name"),
    "last": ("last_received", "name"),
}
# The address's word, the title, and how the column is set.
COLUMNS = (
    ("name", "Battery", ""),
    ("", "Data", ""),
    ("", "SOC", "number"),
    ("", "SOH, 95 % band", "number"),
    ("", "R0", "number"),
    ("", "Capacity over time", "wide-only"),
    ("", "Estimator", ""),
    ("rows", "Rows", "number"),
    ("last", "Last row", "number"),
)


@dataclass(frozen=True)
class FleetRow:
    battery: Battery
    data: Badge
    health: Health | None
    spark: Spark | None


@dataclass(frozen=True)
class Trouble:
    """Why a battery needs a person; `rank` 0 is the worst. Where its data are the reason, the words come when shown."""

    rank: int
    name: str
    reason: Badge | states.Heard

    def order(self) -> tuple[int, str]:
        return self.rank, self.name

    def told(self, now: datetime) -> tuple[str, Badge]:
        return self.name, self.reason if isinstance(self.reason, Badge) else data_badge(self.reason, now)


@dataclass(frozen=True)
class Column:
    """A head of the table; `order` is what aria-sort says, `next_sort` the address's word of a click."""

    title: str
    style: str
    order: str
    next_sort: str


@require_GET
@page_for(Role.VIEWER)
def home_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    heard = states.heard_of_all()
    codes = {battery.pk: states.state_code(battery, now.timestamp()) for battery in heard}
    counts = Counter(codes.values())
    troubles = list(_troubles(heard, codes))
    page = Paginator(_chosen(request, now), ROWS_A_PAGE).get_page(request.GET.get("page"))
    shown = list(page)
    health = health_of(shown)
    sparks = sparks_of(health.values())
    context = {
        "page": page,
        "rows": [FleetRow(b, data_badge(b, now), health.get(b.pk), sparks.get(b.pk)) for b in shown],
        "columns": _columns(request.GET.get("sort", "")),
        "troubles": [trouble.told(now) for trouble in heapq.nsmallest(SHOWN_TROUBLES, troubles, Trouble.order)],
        "needing": len({trouble.name for trouble in troubles}),
        "total": len(heard),
        "live": counts[states.LIVE],
        "stored_rows": sum(battery.rows - battery.dropped_rows for battery in heard),
        "soh": _median_soh(health.values()),
        "rows_a_second": _rows_a_second(heard, codes),
        "filters": [(word, counts[code]) for word, code in DATA_FILTERS.items()],
        "search_text": request.GET.get("q", ""),
        "is_filtered": any(request.GET.get(name) for name in ("q", "data")),
        "simulated": SIMULATED,
    }
    return render(request, "pages/home.html", context)


def _chosen(request: HttpRequest, now: datetime) -> QuerySet[Battery]:
    batteries = Battery.objects.defer("metadata", "description")
    text = request.GET.get("q", "").strip()
    if text:
        matches = Q(name__icontains=text) | Q(description__icontains=text)
        batteries = batteries.filter(matches | Q(pk=int(text)) if text.isdecimal() and len(text) < 18 else matches)
    wanted = request.GET.get("data", "")
    if wanted in DATA_FILTERS:
        batteries = states.in_data_state(batteries, DATA_FILTERS[wanted], now)
    sort = request.GET.get("sort", "name")
    first, *rest = SORTS.get(sort.lstrip("-"), SORTS["name"])
    falling = sort.startswith("-")
    order = F(first).desc(nulls_last=True) if falling else F(first).asc(nulls_last=True)
    return batteries.order_by(order, *rest)


def _columns(sort: str) -> list[Column]:
    asked = sort or "name"
    columns = []
    for word, title, style in COLUMNS:
        is_here = bool(word) and asked.lstrip("-") == word
        order = ("descending" if asked.startswith("-") else "ascending") if is_here else ""
        # Numbers are first wanted greatest first.
        first_click, second_click = (f"-{word}", word) if style == "number" else (word, f"-{word}")
        click = second_click if asked == first_click else first_click
        columns.append(Column(title, style, order, click if word else ""))
    return columns


def _troubles(batteries: Iterable[states.Heard], codes: Mapping[int, str]) -> Iterable[Trouble]:
    """By rank: silent, failed, inconsistent, stale, late."""
    names = {battery.pk: battery.name for battery in batteries}
    for battery in batteries:
        code = codes[battery.pk]
        if code == states.SILENT:
            yield Trouble(0, battery.name, battery)
        elif code == states.LATE:
            yield Trouble(4, battery.name, battery)
    for battery_id, rank, badge in trouble_of_estimators():
        if battery_id in names:
            yield Trouble(rank, names[battery_id], badge)


def _median_soh(healths: Iterable[Health]) -> float | None:
    known = [health.soh for health in healths if health.soh is not None]
    return median(known) if known else None


def _rows_a_second(batteries: Iterable[states.Heard], codes: Mapping[int, str]) -> float:
    return sum(
        1.0 / battery.interval_seconds
        for battery in batteries
        if codes[battery.pk] == states.LIVE and battery.interval_seconds
    )
