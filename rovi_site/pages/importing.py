"""The pages of imports: bring a file in, look at it before it is stored, see what became of it, take it out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.imports.mapping import CONVERSIONS
from datahub.imports.requesting import begin_import, request_import, undo_import, why_not_undone
from datahub.models import Battery, DataImport
from datahub.readers.names import KNOWN

IMPORTS_A_PAGE = 50
SHOWN_VALUES = 5


class FileForm(forms.Form):
    file = forms.FileField(
        label="Data file",
        help_text="HDF5 or Parquet of battery-data-toolkit, CSV of Arbin, Battery Archive or others, BDF.",
    )
    battery = forms.CharField(
        required=False, max_length=255, strip=False,
        help_text="Name of one that is there; empty: the one that the file names, or else its own name.",
    )  # fmt: skip

    def clean_battery(self) -> Battery | None:
        name = self.cleaned_data["battery"]
        found = Battery.objects.filter(name=name).first() if name else None
        if name and found is None:
            raise forms.ValidationError(f"There is no battery {name!r}. Register it first, or leave this empty.")
        return found


@dataclass(frozen=True)
class ColumnRow:
    """A column of the file on the page that asks what it shall become."""

    label: str
    name: str
    conversion: str
    unit: str
    values: list[Any]
    number: int
    error: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def imports_page(request: HttpRequest) -> HttpResponse:
    form = FileForm()
    if request.method == "POST":
        need(Role.OPERATOR, request, "Importing")
        form = FileForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                wanted = request_import(
                    form.cleaned_data["file"], battery=form.cleaned_data["battery"], requested_by=request.user,
                    preview=True,
                )  # fmt: skip
                return redirect("import", wanted.pk)
            except Refused as refused:
                form.add_error("file", f"{refused.message} {refused.hint}".strip())
    found = DataImport.objects.select_related("battery", "job", "requested_by").defer("preview", "report", "mapping")
    context = {
        "form": form,
        "page": Paginator(found, IMPORTS_A_PAGE).get_page(request.GET.get("page")),
        "may_import": role_of(request.user) >= Role.OPERATOR,
    }
    return render(request, "pages/imports.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def import_page(request: HttpRequest, import_id: int) -> HttpResponse:
    data_import = _import(import_id)
    errors: dict[str, Any] = {}
    if request.method == "POST":
        need(Role.OPERATOR, request, "Importing")
        try:
            begin_import(data_import, _chosen(request, data_import), None, request.user)
            messages.success(request, "The rows are being stored; this page tells how far it is.")
            return redirect("import", import_id)
        except Refused as refused:
            errors = refused.fields.get("columns", {})
            messages.error(request, f"{refused.message} {refused.hint}".strip())
    context = {
        "it": data_import,
        "columns": _rows(request, data_import, errors),
        "conversions": [(key, conversion.words) for key, conversion in CONVERSIONS.items()],
        "known_names": sorted(KNOWN),
        "why_not_undone": why_not_undone(data_import),
        "may_import": role_of(request.user) >= Role.OPERATOR,
        "may_undo": role_of(request.user) >= Role.ADMINISTRATOR,
    }
    return render(request, "pages/import.html", context, status=422 if errors else 200)


@require_POST
@page_for(Role.ADMINISTRATOR)
def undo_import_page(request: HttpRequest, import_id: int) -> HttpResponse:
    try:
        undone = undo_import(_import(import_id), request.user)
        messages.success(request, f"The import of {undone.file_name} is undone.")
    except Refused as refused:
        messages.error(request, f"{refused.message} {refused.hint}".strip())
    return redirect("import", import_id)


def _import(import_id: int) -> DataImport:
    found = DataImport.objects.select_related("battery", "job", "requested_by").filter(pk=import_id).first()
    if found is None:
        raise Http404(f"There is no import {import_id}.")
    return found


def _columns(data_import: DataImport) -> list[dict[str, Any]]:
    return (data_import.preview or {}).get("columns", [])


def _chosen(request: HttpRequest, data_import: DataImport) -> dict[str, dict[str, str]]:
    """By number and not by name: a file's names may be anything."""
    return {
        column["label"]: {
            "name": request.POST.get(f"name-{number}", column["name"]),
            "conversion": request.POST.get(f"conversion-{number}", ""),
        }
        for number, column in enumerate(_columns(data_import))
    }


def _rows(request: HttpRequest, data_import: DataImport, errors: dict[str, Any]) -> list[ColumnRow]:
    sent = _chosen(request, data_import) if request.method == "POST" else {}
    return [
        ColumnRow(
            label=column["label"],
            **sent.get(column["label"], {"name": column["name"], "conversion": column["conversion"]}),
            unit=column["unit"],
            values=column["values"][:SHOWN_VALUES],
            number=number,
            error=" ".join(errors.get(column["label"], ())),
        )
        for number, column in enumerate(_columns(data_import))
    ]
