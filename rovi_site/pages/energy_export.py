"""What the pages of energy show, as CSV: the quarters of an asset, all assets together by kind, a forecast."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain, islice
from typing import Any

from django.http import Http404, HttpRequest
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from datahub.downloads import stream
from energykit.quarters import MICROSECONDS, labelled
from fleet.errors import NoSuchAsset
from fleet.models import Asset
from fleet.queries import asset_numbered, known_span, present_end, quarters_between, shown
from rovi_site.pages.energy_bars import bars_of, sums_of_fleet
from rovi_site.pages.energy_range import window_of

OF_ASSET = ("datetime", "energy_kwh", "charged_kwh", "covered_seconds")
OF_FLEET = ("datetime", "kind", "energy_kwh", "charged_kwh", "covered_seconds", "assets")
ROWS_A_PIECE = 5000


@require_GET
@page_for(Role.VIEWER)
def asset_file(request: HttpRequest, number: int) -> Any:
    """The quarters of the range that the address tells; those of which nothing is known are not there."""
    try:
        asset = asset_numbered(number)
    except NoSuchAsset as told:
        raise Http404(str(told)) from None
    window = window_of(request.GET, *(known_span(asset) or (0, 0)))
    found = quarters_between(asset, window.start * MICROSECONDS, window.end * MICROSECONDS)
    rows = (
        (labelled(each.start, window.zone), shown(each.energy or 0.0), shown(each.charged or 0.0),
         shown(each.covered_seconds))
        for each in found
    )  # fmt: skip
    return as_csv(request, OF_ASSET, rows, f"energy-{asset.number}.csv")


@require_GET
@page_for(Role.VIEWER)
def fleet_file(request: HttpRequest) -> Any:
    """All assets of a kind together, by quarter, day or month, as the chart of this range draws them."""
    times = known_span(None) or (0, 0)
    bars = bars_of(window_of(request.GET, *times, present_end(None, times)), Asset.objects.count())
    rows = (
        (labelled(each.start, bars.zone), each.kind, shown(each.energy), shown(each.charged),
         shown(each.covered / MICROSECONDS), each.assets)
        for each in sums_of_fleet(bars)
    )  # fmt: skip
    return as_csv(request, OF_FLEET, rows, f"energy-by-{bars.resolution}.csv")


def as_csv(request: HttpRequest, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]], name: str) -> Any:
    return stream(request, _pieces(chain([head], rows)), "text/csv; charset=utf-8", name)


def _pieces(rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    left = iter(rows)
    while piece := list(islice(left, ROWS_A_PIECE)):
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows(piece)
        yield text.getvalue().encode()
