"""The fleet: what needs attention, and each battery's state and health."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.models import Battery
from rovi_site.pages.health import Health, health_of, trouble_of_estimators
from rovi_site.pages.health_series import sparks_of
from rovi_site.pages.sparklines import Spark
from rovi_site.pages.words import SIMULATED, Badge, data_badge

ROWS_A_PAGE = 50
SHOWN_TROUBLES = 8
DATA_FILTERS = ("live", "late", "silent", "finished", "no data")
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
    """Why a battery needs a person; `rank` 0 is the worst."""

    rank: int
    name: str
    badge: Badge


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
    everything = list(Battery.objects.order_by().defer("metadata", "description", "columns"))
    badges = {battery.pk: data_badge(battery, now) for battery in everything}
    troubles = sorted(_troubles(everything, badges), key=lambda trouble: (trouble.rank, trouble.name))
    chosen = _chosen(request, badges)
    page = Paginator(chosen, ROWS_A_PAGE).get_page(request.GET.get("page"))
    shown = list(page)
    health = health_of(shown)
    sparks = sparks_of(health.values())
    context = {
        "page": page,
        "rows": [FleetRow(b, badges[b.pk], health.get(b.pk), sparks.get(b.pk)) for b in shown],
        "columns": _columns(request.GET.get("sort", "")),
        "troubles": troubles[:SHOWN_TROUBLES],
        "needing": len({trouble.name for trouble in troubles}),
        "total": len(everything),
        "live": sum(badge.word == "Live" for badge in badges.values()),
        "stored_rows": sum(battery.kept_rows for battery in everything),
        "soh": _median_soh(health.values()),
        "rows_a_second": _rows_a_second(everything, badges),
        "filters": [(word, sum(b.word.lower() == word for b in badges.values())) for word in DATA_FILTERS],
        "search_text": request.GET.get("q", ""),
        "is_filtered": any(request.GET.get(name) for name in ("q", "data")),
        "simulated": SIMULATED,
    }
    return render(request, "pages/home.html", context)


def _chosen(request: HttpRequest, badges: dict[int, Badge]) -> QuerySet[Battery]:
    batteries = Battery.objects.all()
    text = request.GET.get("q", "").strip()
    if text:
        matches = Q(name__icontains=text) | Q(description__icontains=text)
        batteries = batteries.filter(matches | Q(pk=int(text)) if text.isdecimal() and len(text) < 18 else matches)
    wanted = request.GET.get("data", "")
    if wanted in DATA_FILTERS:
        batteries = batteries.filter(pk__in=[pk for pk, badge in badges.items() if badge.word.lower() == wanted])
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


def _troubles(batteries: list[Battery], badges: dict[int, Badge]) -> Iterable[Trouble]:
    """Worst first: silent, failed, inconsistent, stale, late."""
    names = {battery.pk: battery.name for battery in batteries}
    for battery in batteries:
        badge = badges[battery.pk]
        if badge.word == "Silent":
            yield Trouble(0, battery.name, badge)
        elif badge.word == "Late":
            yield Trouble(4, battery.name, badge)
    for battery_id, rank, badge in trouble_of_estimators():
        if battery_id in names:
            yield Trouble(rank, names[battery_id], badge)


def _median_soh(healths: Iterable[Health]) -> float | None:
    known = [health.soh for health in healths if health.soh is not None]
    return median(known) if known else None


def _rows_a_second(batteries: list[Battery], badges: dict[int, Badge]) -> float:
    return sum(
        1.0 / battery.interval_seconds
        for battery in batteries
        if badges[battery.pk].word == "Live" and battery.interval_seconds
    )
