"""Pages of the admin beside its forms: rows of a battery, its download, and the confirmation of its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from access.errors import Refused
from access.roles import Role, role_of
from datahub import queries
from datahub.downloads import download
from datahub.exports import FORMATS
from datahub.losses import loss_of
from datahub.models import Battery
from datahub.registration import delete_battery
from datahub.units import unit_of
from datahub.windows import Window, window_of

ROWS_OF_A_PAGE = 50


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    unit: str


def rows_page(request: HttpRequest, battery_id: int, of: Any) -> HttpResponse:
    """The rows in order of arrival, a page after the other."""
    battery = _battery(request, battery_id, of)
    columns = [Column(name, battery.columns[name], unit_of(name)) for name in queries.column_names(battery)]
    page: dict[str, Any] = {"columns": columns, "rows": [], "next": None, "refused": ""}
    try:
        window = window_of(request.GET)
        found = queries.records(
            battery, start=window.start, end=window.end, after=window.after, limit=ROWS_OF_A_PAGE + 1
        )
    except Refused as refused:
        page["refused"] = refused.message
    else:
        shown = found[:ROWS_OF_A_PAGE]
        page["total"] = f"{battery.kept_rows:,}"
        page["rows"] = [
            [row["row_id"], *[_readable(row[column.name]) for column in columns], row["row_late"]] for row in shown
        ]
        page["next"] = shown[-1]["row_id"] if len(found) > ROWS_OF_A_PAGE else None
        page["is_first"] = window.after == 0
    return _answer(request, of, battery, "rows", f"Rows of {battery.name}", page)


def download_page(request: HttpRequest, battery_id: int, of: Any) -> HttpResponse | StreamingHttpResponse:
    """Asks for format and window; with `format` in the address it is the file."""
    battery = _battery(request, battery_id, of)
    refused = ""
    wanted = FORMATS.get(request.GET.get("format", ""))
    if wanted is not None:
        try:
            chosen = window_of(request.GET)
            columns = tuple(request.GET.getlist("column")) or None
            return download(request, battery, Window(chosen.start, chosen.end, columns=columns), wanted)
        except Refused as refusal:
            refused = refusal.message
    page = {"formats": FORMATS.values(), "columns": queries.column_names(battery), "refused": refused}
    return _answer(request, of, battery, "download", f"Download rows of {battery.name}", page)


def delete_page(request: HttpRequest, of: Any, object_id: str) -> HttpResponse:
    """Names what would be lost, and asks for the name, typed."""
    battery = of.get_object(request, object_id)
    if battery is None:
        raise Http404(f"There is no battery with id {object_id}.")
    if not of.has_delete_permission(request, battery):
        raise PermissionDenied("Deleting needs the role administrator.")
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "") == battery.name:
            loss = loss_of(battery)
            of.log_deletions(request, [battery])
            delete_battery(battery)
            of.message_user(request, f"Deleted {battery.name} with {loss}.", messages.SUCCESS)
            return redirect("admin:datahub_battery_changelist")
        wrong = True
    page = {"loss": loss_of(battery), "wrong": wrong}
    return _answer(request, of, battery, "delete", f"Delete {battery.name}?", page)


def _readable(value: Any) -> Any:
    """Ten digits of a number: what a sensor gave, without the last bits of a double. Downloads have them all."""
    return f"{value:.10g}" if isinstance(value, float) else value


def _battery(request: HttpRequest, battery_id: int, of: Any) -> Battery:
    if role_of(request.user) < Role.VIEWER:
        raise PermissionDenied("This needs the role viewer.")
    battery = of.get_object(request, str(battery_id))
    if battery is None:
        raise Http404(f"There is no battery with id {battery_id}.")
    found: Battery = battery
    return found


def _answer(
    request: HttpRequest, of: Any, battery: Battery, template: str, title: str, page: dict[str, Any]
) -> TemplateResponse:
    context = {**of.admin_site.each_context(request), "opts": of.opts, "battery": battery, "title": title, **page}
    return TemplateResponse(request, f"admin/datahub/battery/{template}.html", context)
