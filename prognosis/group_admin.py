"""Fleet forecasts and comparisons in the admin, and an action that forecasts the batteries chosen there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from access.errors import Refused
from access.roles import Role, role_of
from datahub.models import Battery
from prognosis.admin_parts import KeptAsIs, KeptWhileMade, address_of, links_to
from prognosis.forecasting.groups import Chosen, GroupAsk, request_fleet
from prognosis.forecasting.load import load_from
from prognosis.models import Comparison, FleetForecast

TEN_YEARS = 10 * 365.25 * 86_400.0


class OnlyRead(KeptWhileMade, KeptAsIs):
    """Asked for on the pages and over REST; here they are found, and deleted."""

    @admin.display(description="#", ordering="id")
    def number(self, group: FleetForecast | Comparison) -> str:
        return f"#{group.pk}"

    @admin.display(description="links")
    def links(self, group: FleetForecast | Comparison) -> SafeString:
        kind = "fleet" if isinstance(group, FleetForecast) else "comparison"
        page = address_of("fleet-forecast" if kind == "fleet" else kind, group.pk)
        return links_to(("Page", page), ("API", reverse(f"{kind}-detail", args=[group.pk])))


@admin.register(FleetForecast)
class FleetForecastAdmin(OnlyRead, admin.ModelAdmin):
    search_fields = ("title",)
    show_full_result_count = False
    list_select_related = ("job", "requested_by")
    list_display = ("number", "title", "kind", "total", "job", "requested_by", "created")
    list_filter = ("kind",)
    date_hierarchy = "created"
    fields = (
        "title",
        "kind",
        "options",
        "threshold",
        "load",
        "chosen",
        "total",
        "job",
        "requested_by",
        "created",
        "links",
    )
    readonly_fields = fields


@admin.register(Comparison)
class ComparisonAdmin(OnlyRead, admin.ModelAdmin):
    list_display = ("number", "title", "battery", "kind", "total", "job", "requested_by", "created")
    list_filter = ("kind",)
    search_fields = ("title", "battery__name")
    show_full_result_count = False
    list_select_related = ("battery", "job", "requested_by")
    date_hierarchy = "created"
    fields = ("title", "battery", "kind", "options", "threshold", "total", "job", "requested_by", "created", "links")
    readonly_fields = fields


@admin.action(description="Forecast, ten years ahead")
def forecast_batteries(model_admin: admin.ModelAdmin, request: HttpRequest, batteries: QuerySet[Battery]) -> Any:
    """An action of the list of batteries, which lies in a room below and knows of no forecasts."""
    if role_of(request.user) < Role.OPERATOR:
        model_admin.message_user(request, "Forecasting needs the role operator.", messages.ERROR)
        return None
    load = load_from({"ahead_time": TEN_YEARS}, strict=True, resolution=None)
    names = list(batteries.values_list("name", flat=True))
    try:
        fleet = request_fleet(Chosen(names), load, GroupAsk(), request.user)
    except Refused as refused:
        model_admin.message_user(request, refused.message, messages.ERROR)
        return None
    model_admin.message_user(request, f"{fleet.total} forecasts are queued.", messages.SUCCESS)
    address = address_of("fleet-forecast", fleet.pk)
    return redirect(address) if address else None


def _add_to_batteries() -> None:
    of_batteries = admin.site.get_model_admin(Battery)
    of_batteries.actions = [*(of_batteries.actions or ()), forecast_batteries]


_add_to_batteries()
