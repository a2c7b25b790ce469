"""A battery's page: is it arriving, is it healthy, can the estimate be trusted, what will become of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub import tables
from datahub.errors import NoSuchBattery
from datahub.keeping import dropped_in_words, in_words
from datahub.models import Battery
from datahub.queries import battery_named, column_names, read_window
from jobs.queries import jobs_of
from prognosis.forecast_forms import ForecastForm, last_ask
from prognosis.forecasting.runs import request_run
from prognosis.models import ForecastRun
from prognosis.queries import current_forecaster, runs_of
from rovi_site.pages import errors
from rovi_site.pages.beside import as_known, beside_of
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.consistency import panel_of
from rovi_site.pages.coverage import SHOWN_MARKS
from rovi_site.pages.forecast import crossings_of, run_scores
from rovi_site.pages.forecasts import headline
from rovi_site.pages.health import Health, StateRow, health_of, state_rows
from rovi_site.pages.measured import measured_context
from rovi_site.pages.numbers import UNKNOWN, number
from rovi_site.pages.quantities import quantity_of, title_of
from rovi_site.pages.ranges import PRESETS, range_of
from rovi_site.pages.series import telemetry_columns
from rovi_site.pages.versions import followed_of, versions_context
from rovi_site.pages.words import SIMULATED, Badge, data_badge, forecast_badge, made_with_words, worst_of

TABS = ("overview", "health", "cycles", "data", "forecasts", "about")
SHOWN_ROWS = 50
SHOWN_RUNS = 20
SHOWN_COMPARISONS = 5
SHOWN_JOBS = 10
NEAR_NAMES = 5


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    unit: str
    spread: str = ""
    note: str = ""
    is_stale: bool = False


@dataclass(frozen=True)
class RunRow:
    run: ForecastRun
    badge: Badge

    @property
    def by(self) -> str:
        return made_with_words(self.run) or UNKNOWN


@dataclass(frozen=True)
class Shown:
    """What a tab is made from. `newest` are the rows that came last; `form` is one with complaints."""

    request: HttpRequest
    battery: Battery
    health: Health | None
    newest: list[dict[str, Any]]
    form: ForecastForm | None


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def battery_page(request: HttpRequest, name: str) -> HttpResponse:
    try:
        battery = battery_named(name)
    except NoSuchBattery as unknown:
        return errors.refused(request, unknown, near=_names_near(name))
    form = None
    if request.method == "POST":
        need(Role.OPERATOR, request, "Forecasting")
        form = ForecastForm(request.POST, request.FILES, battery=battery)
        answer = _ask_for_forecast(request, battery, form)
        if answer is not None:
            return answer
    return render(request, "pages/battery.html", _context(request, battery, form), status=422 if form else 200)


def _ask_for_forecast(request: HttpRequest, battery: Battery, form: ForecastForm) -> HttpResponse | None:
    """To the queued run; None where the form has complaints, which then stand beside its fields."""
    if not form.is_valid():
        return None
    try:
        run = request_run(battery, form.load, request.user, way=form.way)
    except Refused as refused:
        form.add_refusal(refused)
        return None
    messages.success(request, f"Forecast {run.pk} is queued; its result appears below.")
    return redirect(f"{reverse('dashboard', args=[battery.name])}?tab=forecasts&run={run.pk}")


def _context(request: HttpRequest, battery: Battery, form: ForecastForm | None) -> dict[str, Any]:
    now = timezone.now()
    tab = request.GET.get("tab", "overview")
    tab = "forecasts" if form is not None else tab if tab in TABS else "overview"
    data = data_badge(battery, now)
    health = health_of([battery]).get(battery.pk)
    newest = _newest_rows(battery)
    offset = offset_of(battery)
    window = range_of(request.GET, battery.first_test_time or 0.0, battery.last_test_time or 0.0, offset)
    context: dict[str, Any] = {
        "battery": battery,
        "subject": f"datahub.battery:{battery.pk}",
        "asset_number": _asset_number(battery),
        "tab": tab,
        "tabs": [(word, _tab_address(request, battery, word)) for word in TABS],
        "data": data,
        "worst": worst_of([data, *([health.badge, health.doubt] if health else [])]),
        "health": health,
        "simulated": SIMULATED,
        "tiles": _tiles(battery, health, newest, data),
        "range": window,
        "has_clock": offset is not None,
        "kept_axis": [(name, request.GET[name]) for name in ("clock", "tz") if name in request.GET],
        "presets": [(words, value, words == window.words) for words, value in PRESETS],
        "watch": _watch(battery, health),
        "frame": f"{'rows' if battery.rows else 'empty'} {health.estimator_id if health else 'none'}",
        "series_address": reverse("battery-series", args=[battery.pk]),
        "may_forecast": role_of(request.user) >= Role.OPERATOR,
    }
    return context | TAB_CONTEXTS[tab](Shown(request, battery, health, newest, form))


def _asset_number(battery: Battery) -> int | None:
    """Of its asset in the ledger of energy, which a worker makes once rows with current and voltage are there."""
    if not apps.is_installed("fleet"):
        return None
    from fleet.models import Asset  # noqa: PLC0415  (a room that may be left out)

    return Asset.objects.filter(battery_id=battery.pk).values_list("number", flat=True).first()


def _tab_address(request: HttpRequest, battery: Battery, tab: str) -> str:
    kept: dict[str, str] = {} if tab == "overview" else {"tab": tab}
    kept |= {name: str(request.GET[name]) for name in ("from", "to", "clock", "tz") if name in request.GET}
    query = urlencode(kept)
    return reverse("dashboard", args=[battery.name]) + (f"?{query}" if query else "")


def _watch(battery: Battery, health: Health | None) -> str:
    watched = [f"battery:{battery.pk}", f"twin:{battery.pk}", "forecast", "job"]
    watched += [f"estimator:{version}" for version in followed_of(battery)]
    return " ".join([*watched, f"estimator:{health.estimator_id}"] if health else watched)


# --- tiles -----------------------------------------------------------------------------------------------------------
def _newest_rows(battery: Battery) -> list[dict[str, Any]]:
    """The last rows that came, newest measured first."""
    if not battery.rows:
        return []
    after = tables.newest_row_id(connection, battery.pk) - SHOWN_ROWS
    block = read_window(battery, after=max(after, 0), limit=SHOWN_ROWS)
    names = column_names(battery)
    rows = [
        {
            "row_id": int(block.ids[place]),
            "late": bool(block.late[place]),
            "received": float(block.received[place]),
            "values": {name: block.columns[name][place] for name in names},
        }
        for place in range(len(block))
    ]
    return sorted(rows, key=lambda row: (row["values"].get("test_time") or 0.0, row["row_id"]), reverse=True)


def _tiles(battery: Battery, health: Health | None, newest: list[dict[str, Any]], data: Badge) -> list[Tile]:
    is_stale = data.word in ("Silent", "Late")
    stale = f"Stale · {data.more}" if is_stale else ""
    tiles = _health_tiles(health, stale)
    values = newest[0]["values"] if newest else {}
    shown = telemetry_columns(battery) if battery.rows else ["voltage", "current", "temperature"]
    for name in shown[:3]:
        quantity = quantity_of(name)
        value = values.get(name)
        is_current = quantity.unit.startswith("A")
        tiles.append(
            Tile(
                quantity.title,
                number(None if value is None else float(value) * quantity.scale, quantity.digits, signed=is_current),
                quantity.unit.split(",")[0],
                note=stale or ("no row yet" if not newest else _direction(value) if is_current else "newest row"),
                is_stale=is_stale,
            )
        )
    return tiles


def _health_tiles(health: Health | None, stale: str) -> list[Tile]:
    if health is None:
        missing = (("SOC", "%"), ("SOH", "%"), ("R0", "mΩ"))
        return [Tile(title, UNKNOWN, unit, note="no estimator") for title, unit in missing]
    old = stale or health.behind_text
    if health.share or not health.capacity:
        middle = ("SOH", "%", health.share, f"95 % band, of {health.reference_text}")
    else:
        middle = ("Capacity", "Ah", health.capacity, "95 % band; no nominal capacity")
    known = (("SOC", "%", health.soc, "95 % band"), middle, ("R0", "mΩ", health.r0, "95 % band"))
    return [
        Tile(label, spread.middle or UNKNOWN, unit, spread.half, old or (note if spread else "no estimate"), bool(old))
        for label, unit, spread, note in known
    ]


def _direction(current: float | None) -> str:
    if current is None or current != current:
        return ""
    return "charging" if current > 0 else "discharging" if current < 0 else "at rest"


# --- tabs ------------------------------------------------------------------------------------------------------------
def _health(shown: Shown) -> dict[str, Any]:
    health = shown.health
    states: list[StateRow] = state_rows(health) if health else []
    panel = panel_of(health.estimator) if health else None
    return {
        "states": states,
        "consistency": panel,
        "jobs": jobs_of(f"twin.estimator:{health.estimator_id}")[:SHOWN_JOBS] if health else [],
        **(versions_context(shown.request, shown.battery) if health else {}),
    }


def _data(shown: Shown) -> dict[str, Any]:
    battery, names = shown.battery, column_names(shown.battery)
    rows = [
        {**row, "cells": [_cell(row["values"][name], battery.columns[name]) for name in names]} for row in shown.newest
    ]
    return {
        "column_titles": names,
        "newest_rows": rows,
        "marks": battery.marks.select_related("by").order_by("-test_time")[:SHOWN_MARKS],
        "kept": in_words(battery),
        "dropped": dropped_in_words(battery),
        "jobs": jobs_of(f"datahub.battery:{battery.pk}")[:SHOWN_JOBS],
    }


def _cell(value: Any, kind: str) -> str:
    if value is None or value != value:
        return UNKNOWN
    if kind == "text":
        return str(value)
    if kind == "boolean":
        return "yes" if value else "no"
    return f"{value:.10g}".replace("-", "−") if kind == "float" else f"{int(value)}"


def _forecasts(shown: Shown) -> dict[str, Any]:
    now, request, battery = timezone.now(), shown.request, shown.battery
    runs = list(runs_of(battery).filter(comparison=None)[:SHOWN_RUNS])
    asked = request.GET.get("run", "")
    chosen = next((run for run in runs if str(run.pk) == asked), None) or (runs[0] if runs else None)
    if asked.isdecimal() and (chosen is None or str(chosen.pk) != asked) and len(asked) < 18:
        chosen = runs_of(battery).filter(pk=int(asked)).first() or chosen
    own = next((run for run in runs if run.requested_by_id == request.user.pk and run.fleet_id is None), None)
    initial = {**last_ask(own), "battery": battery.name}
    initial |= {name: request.GET[name] for name in ("ahead", "as_of") if name in request.GET}
    return {
        "comparisons": battery.comparisons.all()[:SHOWN_COMPARISONS],
        "forecaster": current_forecaster(battery.name),
        "runs": [RunRow(run, forecast_badge(run, now)) for run in runs],
        "form": shown.form or ForecastForm(initial=initial, battery=battery),
        **_told_of(chosen),
    }


def _told_of(run: ForecastRun | None) -> dict[str, Any]:
    return {
        "run": run,
        "run_badge": forecast_badge(run, timezone.now()) if run else None,
        "run_headline": headline(run) if run and run.result_rows else "",
        "crossings": crossings_of(run),
        "scores": run_scores(run),
    }


def _all_forecasts(shown: Shown) -> dict[str, Any]:
    """With those that are compared on one chart, and in the place of the newest what was known at a time."""
    known = as_known(shown.battery, shown.request.GET)
    context = _forecasts(shown) | {"known": known, "beside": beside_of(shown.battery, shown.request.GET)}
    return context if known is None or known.at is None else context | _told_of(known.run)


def _cycles(shown: Shown) -> dict[str, Any]:
    return measured_context(shown.battery)


def _about(shown: Shown) -> dict[str, Any]:
    battery = shown.battery
    return {
        "schema": [(name, tables.SQL_TYPES[battery.columns[name]], title_of(name)) for name in column_names(battery)],
        "metadata": sorted(_flat(battery.metadata or {})),
    }


TAB_CONTEXTS = {
    "overview": _forecasts, "health": _health, "cycles": _cycles, "data": _data, "forecasts": _all_forecasts,
    "about": _about,
}  # fmt: skip


def _flat(document: Any, path: str = "") -> list[tuple[str, str]]:
    """A nested document as paths and values, without what is empty."""
    if isinstance(document, dict):
        return [pair for key, value in document.items() for pair in _flat(value, f"{path}.{key}" if path else str(key))]
    if isinstance(document, list):
        return [pair for place, value in enumerate(document) for pair in _flat(value, f"{path}[{place}]")]
    return [] if document in (None, "") else [(path, str(document))]


def _names_near(name: str) -> list[str]:
    names = Battery.objects.values_list("name", flat=True)[:10_000]
    return difflib.get_close_matches(name, list(names), n=NEAR_NAMES, cutoff=0.4)
