"""Fleet forecasts and comparisons in the admin, and an action that forecasts the batteries chosen there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect

from access.admin_parts import OurPages, address_of, by_words, is_sure, question
from access.errors import Refused
from access.roles import Role, role_of
from datahub.models import Battery
from prognosis.admin_parts import KeptAsIs, KeptWhileMade
from prognosis.forecasting.groups import Chosen, GroupAsk, request_fleet
from prognosis.forecasting.load import load_from
from prognosis.models import Comparison, FleetForecast
from prognosis.states import WORDS_OF_KINDS

TEN_YEARS = 10 * 365.25 * 86_400.0


class OnlyRead(OurPages, KeptWhileMade, KeptAsIs):
    """Asked for on the pages and over REST; here they are found, and deleted."""

    @admin.display(description="#", ordering="id")
    def number(self, group: FleetForecast | Comparison) -> str:
        return f"#{group.pk}"

    @admin.display(description="made with", ordering="kind")
    def shown_kind(self, group: FleetForecast | Comparison) -> str:
        return WORDS_OF_KINDS.get(group.kind, group.kind)


@admin.register(FleetForecast)
class FleetForecastAdmin(OnlyRead, admin.ModelAdmin):
    page_route, api_route = "fleet-forecast", "fleet-detail"
    search_fields = ("title",)
    show_full_result_count = False
    list_select_related = ("job", "requested_by")
    list_display = ("number", "title", "shown_kind", "total", "job", "requested_by", "created", "ways")
    list_filter = (by_words("made with", "kind", WORDS_OF_KINDS),)
    date_hierarchy = "created"
    fields = (
        "title",
        "shown_kind",
        "options",
        "threshold",
        "load",
        "chosen",
        "total",
        "job",
        "requested_by",
        "created",
    )
    readonly_fields = fields


@admin.register(Comparison)
class ComparisonAdmin(OnlyRead, admin.ModelAdmin):
    page_route, api_route = "comparison", "comparison-detail"
    list_display = ("number", "title", "battery", "shown_kind", "total", "job", "requested_by", "created", "ways")
    list_filter = (by_words("made with", "kind", WORDS_OF_KINDS),)
    search_fields = ("title", "battery__name")
    show_full_result_count = False
    list_select_related = ("battery", "job", "requested_by")
    date_hierarchy = "created"
    fields = ("title", "battery", "shown_kind", "options", "threshold", "total", "job", "requested_by", "created")
    readonly_fields = fields


@admin.action(description="Forecast, ten years ahead")
def forecast_batteries(model_admin: admin.ModelAdmin, request: HttpRequest, batteries: QuerySet[Battery]) -> Any:
    """An action of the list of batteries, which lies in a room below and knows of no forecasts."""
    if role_of(request.user) < Role.OPERATOR:
        model_admin.message_user(request, "Forecasting needs the role operator.", messages.ERROR)
        return None
    if not is_sure(request):
        return question(
            model_admin, request, batteries, button="Forecast",
            warning="One forecast for each battery, ten years ahead; one job makes them all.",
        )  # fmt: skip
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
