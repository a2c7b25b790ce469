"""The fleet: what needs attention, how health is spread, and each battery's state."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role, role_of
from datahub import states
from datahub.models import Battery, DataImport
from rovi_site.pages.fleet import (
    DATA_FILTERS,
    FILTERS,
    Fleet,
    chosen_of,
    fleet_now,
    rows_a_second,
    soh_bounds,
    sorted_by,
)
from rovi_site.pages.health import Health, health_of
from rovi_site.pages.health_series import sparks_of
from rovi_site.pages.histogram import histogram_of, percentiles
from rovi_site.pages.sparklines import Spark
from rovi_site.pages.words import SIMULATED, Badge, data_badge
from twin.measured import full_cycles_of

ROWS_A_PAGE = 50
SHOWN_TROUBLES = 8
# The address's word, the title, and how the column is set.
COLUMNS = (
    ("name", "Battery", ""),
    ("", "Data", ""),
    ("soc", "SOC", "number"),
    ("soh", "SOH, 95 % band", "number"),
    ("", "R0", "number"),
    ("", "EFC", "number wide-only"),
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
    full_cycles: float | None


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
    fleet = fleet_now(is_shared=request.headers.get("X-Requested-With") == "live")
    sort = request.GET.get("sort", "name")
    page = Paginator(sorted_by(fleet, chosen_of(fleet, request.GET), sort), ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": _rows(fleet, list(page)),
        "columns": _columns(sort),
        "has_rows": any(battery.rows for battery in fleet.heard),
        "troubles": [
            (trouble.name, trouble.badge(fleet.now))
            for trouble in heapq.nsmallest(SHOWN_TROUBLES, fleet.troubles, key=lambda trouble: trouble.order())
        ],
        "needing": len(fleet.needing),
        "simulated": SIMULATED,
        "may_change": role_of(request.user) >= Role.OPERATOR,
        "matching": _address_of_filters(request),
        **_numbers(fleet),
        **_filters(fleet, request),
    }
    if not context["has_rows"]:
        context["first_steps"] = _first_steps(fleet)
    return render(request, "pages/home.html", context)


def _rows(fleet: Fleet, shown: list[states.Heard]) -> list[FleetRow]:
    by_id = Battery.objects.defer("metadata", "description").in_bulk([battery.pk for battery in shown])
    batteries = [by_id[battery.pk] for battery in shown if battery.pk in by_id]  # one may be deleted meanwhile
    health = health_of(batteries)
    sparks = sparks_of(health.values())
    cycles = full_cycles_of(by_id)
    return [
        FleetRow(each, data_badge(each, fleet.now), health.get(each.pk), sparks.get(each.pk), cycles.get(each.pk))
        for each in batteries
    ]


def _numbers(fleet: Fleet) -> dict[str, Any]:
    counts = Counter(fleet.codes.values())
    shares = fleet.shares()
    low, middle, high = percentiles(shares) if shares else (None, None, None)
    return {
        "total": len(fleet.heard),
        "live": counts[states.LIVE],
        "stored_rows": sum(battery.rows - battery.dropped_rows for battery in fleet.heard),
        "rows_a_second": rows_a_second(fleet),
        "soh_middle": middle,
        "soh_low": low,
        "soh_high": high,
        "data_filters": [(word, counts[code]) for word, code in DATA_FILTERS.items()],
    }


def _filters(fleet: Fleet, request: HttpRequest) -> dict[str, Any]:
    asked = request.GET
    bounds = soh_bounds(asked.get("soh", ""))
    shares = fleet.shares()
    return {
        "histogram": histogram_of(shares, asked.get("soh", "")),
        "soh_words": asked["soh"].replace("-", "–") + " %" if bounds else "",
        "tags": fleet.tags(),
        "archived": len(fleet.archived),
        "search_text": asked.get("q", ""),
        "has_simulated": any(battery.is_simulated for battery in fleet.heard),
        "is_filtered": any(asked.get(name) for name in FILTERS),
        "kept": [(name, asked[name]) for name in ("data", "need", "archived", "soh", "sort") if asked.get(name)],
    }


def _address_of_filters(request: HttpRequest) -> str:
    kept = request.GET.copy()
    for name in list(kept):
        if name not in FILTERS:
            del kept[name]
    return kept.urlencode()


def _first_steps(fleet: Fleet) -> dict[str, bool]:
    """Of the three ways to begin, those that were gone."""
    return {
        "simulated": any(battery.is_simulated for battery in fleet.heard),
        "imported": DataImport.objects.exists(),
        "registered": any(not battery.is_simulated for battery in fleet.heard),
    }


def _columns(sort: str) -> list[Column]:
    asked = sort or "name"
    columns = []
    for word, title, style in COLUMNS:
        is_here = bool(word) and asked.lstrip("-") == word
        order = ("descending" if asked.startswith("-") else "ascending") if is_here else ""
        # Numbers are first wanted greatest first, but health worst first.
        falls = style.startswith("number") and word != "soh"
        first_click, second_click = (f"-{word}", word) if falls else (word, f"-{word}")
        click = second_click if asked == first_click else first_click
        columns.append(Column(title, style, order, click if word else ""))
    return columns
