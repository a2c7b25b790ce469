"""Readings of energy from a file: looked at first, then stored; nothing is stored of one that is refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access.decorators import page_for
from access.errors import Refused
from access.pacing import pace_of
from access.roles import Role
from energykit.quarters import labelled
from fleet.batch_bodies import CSV, PARQUET, ReadBatch, read_file
from fleet.models import GREATEST_NUMBER
from fleet.queries import exactly_labelled

ROWS_SHOWN = 20
TYPES = {".csv": CSV, ".txt": CSV, ".parquet": PARQUET}


class ReadingsForm(forms.Form):
    file = forms.FileField(
        help_text="CSV or Parquet with the columns datetime and value, and spaceship_id where it holds several assets."
    )
    units = forms.ChoiceField(
        choices=[("kWh", "kWh: energy until the next reading"), ("kW", "kW: mean power until the next reading")]
    )
    number = forms.IntegerField(
        required=False, min_value=0, max_value=GREATEST_NUMBER, label="Asset's number",
        help_text="Where the file has no column spaceship_id.",
    )  # fmt: skip
    interval = forms.CharField(
        required=False, max_length=40, label="Each reading holds for",
        help_text="Seconds, or a duration such as PT15M; empty: until the next reading.",
    )  # fmt: skip

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if _type_of(file) is None:
            raise forms.ValidationError(f"The name of the file must end in one of {', '.join(TYPES)}.")
        if (file.size or 0) > settings.UPLOAD_MAX_BODY_BYTES:
            raise forms.ValidationError(f"It has more than {settings.UPLOAD_MAX_BODY_BYTES:,} bytes; send it in parts.")
        return file


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.OPERATOR)
def upload_page(request: HttpRequest) -> HttpResponse:
    """A POST with `look` tells what the file holds, and stores nothing; `part` asks for that part of the page alone."""
    form = ReadingsForm(request.POST or None, request.FILES or None)
    told: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            read = _read(form)
        except Refused as refused:
            told = {"complaints": _complaints(refused, _type_of(form.cleaned_data["file"]) == CSV)}
        else:
            if "look" not in request.POST:
                return _stored(request, read)
            told = _preview(read)
    is_part = "part" in request.POST
    template = "pages/energy/preview.html" if is_part else "pages/energy_upload.html"
    told |= {"form": form, "is_part": is_part}
    return render(request, template, told, status=400 if form.errors or "complaints" in told else 200)


def _type_of(file: UploadedFile) -> str | None:
    name = (file.name or "").lower()
    return next((kind for ending, kind in TYPES.items() if name.endswith(ending)), None)


def _read(form: ReadingsForm) -> ReadBatch:
    given = form.cleaned_data
    file: UploadedFile = given["file"]
    return read_file(file.read(), _type_of(file) or CSV, given["units"], given["interval"] or None, given["number"])


def _stored(request: HttpRequest, read: ReadBatch) -> HttpResponse:
    from fleet.accounting.batches import store_batch  # noqa: PLC0415  (numpy; a web process boots without it)

    pace = pace_of(request.user, None)
    try:
        if pace is not None:
            pace.refuse_if_owing()
            pace.charge(len(read.batch))
        with transaction.atomic():
            stored = store_batch(read.batch)
    except Refused as refused:
        messages.error(request, f"{refused} {refused.hint}".strip())
        return redirect("energy-upload")
    messages.success(
        request,
        f"Stored: {_counted(stored.readings, 'reading')} of {_counted(stored.assets, 'asset')}; "
        f"{_counted(stored.quarters, 'quarter')} reckoned anew.",
    )
    return redirect(f"{_address(read)}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _address(read: ReadBatch) -> str:
    from django.urls import reverse  # noqa: PLC0415

    numbers = read.batch.number
    start, end = labelled(int(read.batch.time.min()) // 10**6), labelled(int(read.batch.time.max()) // 10**6 + 900)
    only = int(numbers[0]) if (numbers == numbers[0]).all() else None
    page = reverse("energy") if only is None else reverse("energy-asset", args=[only])
    return f"{page}?from={start}&to={end}"


def _preview(read: ReadBatch) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415  (as above)

    batch = read.batch
    known = batch.value[~np.isnan(batch.value)]
    shown = slice(0, ROWS_SHOWN)
    rows = zip(batch.number[shown].tolist(), batch.time[shown].tolist(), batch.value[shown].tolist(), strict=True)
    return {
        "preview": {
            "rows": [
                (number, exactly_labelled(time), None if value != value else value) for number, time, value in rows
            ],
            "count": len(batch),
            "assets": len(np.unique(batch.number)),
            "first": exactly_labelled(int(batch.time.min())),
            "last": exactly_labelled(int(batch.time.max())),
            "gaps": len(batch) - len(known),
            "least": float(known.min()),
            "greatest": float(known.max()),
            "warned": read.warned,
            "warnings": sorted({str(each["code"]).replace("_", " ") for each in read.first_warnings}),
            "units": "kWh" if bool(batch.is_energy[0]) else "kW",
        }
    }


def _complaints(refused: Refused, has_lines: bool) -> list[str]:
    """What is wrong, row by row as far as it is told; the first line of a CSV names its columns."""
    told = []
    for field, found in (refused.fields or {"": [str(refused)]}).items():
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, dict):
                line = f" (line {each['index'] + 2})" if has_lines and "index" in each else ""
                row = f"Row {each['index'] + 1}{line}: " if "index" in each else ""
                told.append(f"{row}{each.get('message', each)}")
            else:
                told.append(f"{field}: {each}" if field else str(each))
    return told
