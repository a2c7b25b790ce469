"""The page of exports: which batteries, what of them, which stretch of time, which format; and a battery's passport."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role
from datahub.downloads import stream
from datahub.errors import NoSuchBattery
from datahub.exports import CSV, FORMATS, PARQUET, Format, file_name
from datahub.exports.archive import PIECE_BYTES, download_archive
from datahub.models import Battery
from datahub.queries import battery_named
from datahub.windows import Window
from prognosis.models import RunState
from prognosis.queries import as_csv as forecast_as_csv
from prognosis.queries import result_bytes, result_of, runs_of
from rovi_site.pages import errors
from rovi_site.passport.summing_up import passport_of
from twin.exports import as_csv, as_parquet
from twin.queries import current_estimator

MOST_BATTERIES = 1000
WHATS = {
    "rows": "Rows as they were measured",
    "estimates": "Estimates of the current estimator",
    "forecasts": "The newest forecast",
    "passport": "Passport (JSON)",
}
WORDS = {
    "csv": "CSV", "parquet": "Parquet (battery-data-toolkit)", "hdf5": "HDF5 (battery-data-toolkit)",
    "bdf": "BDF, Battery Data Format, as CSV", "bdf-parquet": "BDF, Battery Data Format, as Parquet",
}  # fmt: skip


class ExportForm(forms.Form):
    batteries = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), label="Batteries",
        help_text="A name a line; empty: all whose name holds the text beside, or the whole fleet.",
    )  # fmt: skip
    search = forms.CharField(required=False, max_length=255, label="Name holds")
    what = forms.ChoiceField(choices=list(WHATS.items()), initial="rows", label="What")
    format = forms.ChoiceField(
        choices=[(name, WORDS[name]) for name in FORMATS], initial="parquet", required=False,
        help_text="Estimates and forecasts: CSV or Parquet. Several batteries come as a ZIP archive.",
    )  # fmt: skip
    start = forms.FloatField(required=False, label="From test_time (s)")
    end = forms.FloatField(required=False, label="Before test_time (s)")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("what") in ("estimates", "forecasts") and given.get("format") not in (CSV.name, PARQUET.name):
            self.add_error("format", "Estimates and forecasts are had as CSV or Parquet.")
        start, end = given.get("start"), given.get("end")
        if start is not None and end is not None and start >= end:
            self.add_error("end", "It ends before it begins.")
        names = [name for name in given.get("batteries", "").splitlines() if name.strip()]
        found = Battery.objects.order_by("pk")
        if names:
            found = found.filter(name__in=names)
        elif given.get("search"):
            found = found.filter(name__icontains=given["search"])
        given["found"] = list(found[: MOST_BATTERIES + 1])
        missing = sorted(set(names) - {battery.name for battery in given["found"]})
        if missing:
            self.add_error("batteries", f"There is no battery {', '.join(missing[:5])}.")
        elif not given["found"]:
            self.add_error("search", "No battery is called so.")
        elif len(given["found"]) > MOST_BATTERIES:
            self.add_error("search", f"These are more than {MOST_BATTERIES:,} batteries. Choose fewer.")
        return given


@require_safe
@page_for(Role.VIEWER)
def export_page(request: HttpRequest) -> Any:
    """A page; with `what` in the address it is the file, so that an export can be kept as a link."""
    form = ExportForm(request.GET if "what" in request.GET else None, initial={"batteries": request.GET.get("battery")})
    if form.is_bound and form.is_valid():
        try:
            return _file(request, form.cleaned_data)
        except Refused as refused:
            form.add_error(None, f"{refused.message} {refused.hint}".strip())
    return render(request, "pages/export.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@page_for(Role.VIEWER)
def passport_page(request: HttpRequest, name: str) -> HttpResponse:
    try:
        battery = battery_named(name)
    except NoSuchBattery as unknown:
        return errors.refused(request, unknown)
    context = {
        "battery": battery, "passport": passport_of(battery, timezone.now()),
        "api": reverse("passport-passport", args=[battery.pk]),
    }  # fmt: skip
    return render(request, "pages/passport.html", context)


def _file(request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse | StreamingHttpResponse:
    batteries, what = wanted["found"], wanted["what"]
    window = Window(start=wanted["start"], end=wanted["end"])
    if what == "rows":
        return download_archive(request, batteries, window, FORMATS[wanted["format"] or PARQUET.name])
    if what == "passport":
        now = timezone.now()
        made: Any = [passport_of(battery, now) for battery in batteries]
        content = json.dumps(made[0] if len(made) == 1 else made, indent=1).encode()
        name = f"passport-{file_name(batteries[0], JSON)}" if len(made) == 1 else "passports.json"
        return stream(request, iter([content]), JSON.content_type, name, batteries[0] if len(made) == 1 else None)
    kind = PARQUET if wanted["format"] == PARQUET.name else CSV
    pieces_of = _estimates if what == "estimates" else _forecast
    return stream(request, _archive(batteries, window, kind, what, pieces_of), "application/zip", f"{what}.zip")


JSON = Format("json", "application/json", ".json")


def _archive(
    batteries: Sequence[Battery],
    window: Window,
    kind: Format,
    what: str,
    pieces_of: Callable[[Battery, Window, Format], Iterator[bytes]],
) -> Iterator[bytes]:
    """A file a battery; of a battery without any there is none, and README.txt says so."""
    with tempfile.TemporaryFile() as file:
        without = []
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for battery in batteries:
                pieces = pieces_of(battery, window, kind)
                first = next(pieces, None)
                if first is None:
                    without.append(battery.name)
                    continue
                with archive.open(f"{battery.pk}_{file_name(battery, kind)}", "w", force_zip64=True) as entry:
                    entry.write(first)
                    for piece in pieces:
                        entry.write(piece)
            if without:
                archive.writestr("README.txt", f"There are no {what} of: {', '.join(without)}.\n")
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _estimates(battery: Battery, window: Window, kind: Format) -> Iterator[bytes]:
    estimator = current_estimator(battery)
    if estimator is not None:
        yield from (as_parquet if kind is PARQUET else as_csv)(estimator, window)


def _forecast(battery: Battery, window: Window, kind: Format) -> Iterator[bytes]:
    run = runs_of(battery).filter(state=RunState.DONE).order_by("-id").first()
    if run is not None and run.result_file:
        yield result_bytes(run) if kind is PARQUET else forecast_as_csv(result_of(run)).encode()
