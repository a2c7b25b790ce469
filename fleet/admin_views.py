"""A page of the admin beside its forms: the readings of an asset, and the quarters that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from access.roles import Role, role_of
from energykit.quarters import MICROSECONDS, BadInstant, labelled, read_instant
from fleet.models import Asset, EnergyDay, EnergyMonth, Quarter, Reading
from fleet.queries import exactly_labelled, shown
from fleet.tables import month_after, month_of

ROWS_OF_A_PAGE = 96
EARLIEST = -(2**53)


def readings_page(request: HttpRequest, asset_id: int, of: Any) -> HttpResponse:
    """Readings and quarters from a time on, a day of quarters a page; by year, month and day."""
    if role_of(request.user) < Role.VIEWER:
        raise PermissionDenied("This needs the role viewer.")
    asset = of.get_object(request, str(asset_id))
    if asset is None:
        raise Http404(f"There is no asset with id {asset_id}.")
    start, refused = _start_of(request.GET.get("start", ""))
    readings = list(Reading.objects.filter(asset=asset, time__gte=start).order_by("time")[: ROWS_OF_A_PAGE + 1])
    from_second = -(-start // MICROSECONDS)
    quarters = list(Quarter.objects.filter(asset=asset, start__gte=from_second).order_by("start")[: ROWS_OF_A_PAGE + 1])
    context = {
        **of.admin_site.each_context(request),
        "opts": of.opts,
        "title": f"Readings of {asset}",
        "asset": asset,
        "page_address": of.page_of(asset),
        "refused": refused,
        "is_first": start == EARLIEST,
        "levels": _hierarchy(asset, None if start == EARLIEST else from_second),
        "readings": [_reading(reading) for reading in readings[:ROWS_OF_A_PAGE]],
        "quarters": [_quarter(quarter) for quarter in quarters[:ROWS_OF_A_PAGE]],
        "next": _next(readings, quarters),
    }
    return TemplateResponse(request, "admin/fleet/asset/readings.html", context)


def what_is_kept_of(asset: Asset) -> dict[str, int]:
    return {
        "readings": Reading.objects.filter(asset=asset).count(),
        "quarters": Quarter.objects.filter(asset=asset).count(),
        "forecasts": asset.forecasts.count(),
    }


@dataclass(frozen=True)
class Step:
    """A year, month or day with energy: what it is called and where it begins."""

    words: str
    start: str
    is_here: bool


def _hierarchy(asset: Asset, here: int | None) -> list[tuple[str, list[Step]]]:
    """(heading, steps): the years of which something is known; of the time `here` (s) its months and days, too."""
    kept = EnergyMonth.objects.filter(asset=asset).order_by("start").values_list("start", flat=True)
    months = [labelled(start)[:10] for start in kept]
    now = "" if here is None else labelled(here)[:10]
    years = sorted({month[:4] for month in months})
    first_of = {year: next(month for month in months if month.startswith(year)) for year in years}
    found = [("Year", [Step(year, first_of[year], year == now[:4]) for year in years])]
    if here is None:
        return found
    of_year = [month for month in months if month[:4] == now[:4]]
    found.append(("Month", [Step(month[:7], month, month[:7] == now[:7]) for month in of_year]))
    within = {"start__gte": month_of(here), "start__lt": month_after(here + 1)}
    days = EnergyDay.objects.filter(asset=asset, **within).order_by("start").values_list("start", flat=True)
    found.append(("Day", [Step(day[8:], day, day == now) for day in (labelled(start)[:10] for start in days)]))
    return [level for level in found if level[1]]


def _start_of(text: str) -> tuple[int, str]:
    """µs, and why what was typed is no time."""
    if not text:
        return EARLIEST, ""
    try:
        return read_instant(text, in_query=True).microseconds, ""
    except BadInstant as told:
        return EARLIEST, f"From: {told}"


def _next(readings: list[Reading], quarters: list[Quarter]) -> str:
    """Where the next page begins: with what comes first of both that did not fit."""
    beyond = [readings[-1].time] if len(readings) > ROWS_OF_A_PAGE else []
    beyond += [quarters[-1].start * MICROSECONDS] if len(quarters) > ROWS_OF_A_PAGE else []
    return exactly_labelled(min(beyond)) if beyond else ""


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "time": exactly_labelled(reading.time),
        "value": "gap" if reading.value is None else f"{reading.value:.10g}",
        "units": "kWh" if reading.is_energy else "kW",
        "interval": "—" if reading.interval is None else f"{reading.interval / MICROSECONDS:g}",
    }


def _quarter(quarter: Quarter) -> dict[str, Any]:
    return {
        "start": labelled(quarter.start),
        "energy": shown(quarter.energy),
        "charged": shown(quarter.charged),
        "covered": f"{quarter.covered / MICROSECONDS:g}",
    }
