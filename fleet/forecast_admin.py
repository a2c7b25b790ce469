"""Forecasts of energy in the admin: kept as they came out, found by asset and model, asked for anew."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, asked_first, badge, by_presence
from access.roles import Role
from energykit.quarters import QUARTER_SECONDS, labelled
from fleet.forecasting.asking import DAY, Asked, request_forecasts
from fleet.forecasting.names import WORDS
from fleet.models import EnergyForecast

BINARY = ("expected", "low", "high")


@admin.register(EnergyForecast)
class EnergyForecastAdmin(OurPages, admin.ModelAdmin):
    page_route, api_route = "energy-forecasts-page", "energy-forecasts-detail"
    list_display = (
        "number", "of", "made_by", "begins", "days", "energy", "shown_state", "error", "inside", "made", "ways",
    )  # fmt: skip
    list_filter = (
        by_presence("score", "held", "scored", {"yes": "Scored", "no": "Not yet"}, "no"),
        by_presence("of", "of", "asset", {"all": "All assets together", "one": "One asset"}, "all"),
        "model",
    )
    search_fields = ("asset__name", "asset__number", "model")
    date_hierarchy = "made"
    list_select_related = ("asset",)
    show_full_result_count = False
    actions = ("forecast_again",)
    fields = (
        "of", "made_by", "begins", "ends", "quarters", "energy", "shown_state", "error", "bias", "inside", "made",
        "scored",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EnergyForecast | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EnergyForecast]:
        return super().get_queryset(request).defer(*BINARY)

    @admin.display(description="#", ordering="id")
    def number(self, forecast: EnergyForecast) -> str:
        return f"#{forecast.pk}"

    @admin.display(description="of", ordering="asset__number")
    def of(self, forecast: EnergyForecast) -> SafeString | str:
        if forecast.asset is None:
            return "all assets"
        change = reverse("admin:fleet_asset_change", args=[forecast.asset_id])
        return format_html('<a href="{}">{}</a>', change, forecast.asset)

    @admin.display(description="made by", ordering="model")
    def made_by(self, forecast: EnergyForecast) -> str:
        return WORDS.get(forecast.model, f"Script: {forecast.model}").partition(":")[0]

    @admin.display(description="begins", ordering="start")
    def begins(self, forecast: EnergyForecast) -> str:
        return forecast.begins

    @admin.display(description="ends")
    def ends(self, forecast: EnergyForecast) -> str:
        return labelled(forecast.start + forecast.quarters * QUARTER_SECONDS)

    @admin.display(description="days", ordering="quarters")
    def days(self, forecast: EnergyForecast) -> str:
        return f"{forecast.quarters / DAY:.3g}"

    @admin.display(description="expected, kWh", ordering="total")
    def energy(self, forecast: EnergyForecast) -> str:
        if forecast.total_low is None or forecast.total_high is None:
            return f"{forecast.total:.5g}"
        return f"{forecast.total:.5g} ({forecast.total_low:.5g} to {forecast.total_high:.5g})"

    @admin.display(description="state", ordering="scored")
    def shown_state(self, forecast: EnergyForecast) -> SafeString:
        if forecast.scored is None:
            return badge("○", "Waiting", "It is held against what happens once readings reach its end.")
        return badge("●", "Scored", f"{forecast.scores.get('quarters', 0):,} of its quarters are known.")

    @admin.display(description="off a quarter, kWh", empty_value="—")
    def error(self, forecast: EnergyForecast) -> str | None:
        return _told(forecast, "mean_absolute_error_kwh")

    @admin.display(description="too high by, kWh a quarter", empty_value="—")
    def bias(self, forecast: EnergyForecast) -> str | None:
        return _told(forecast, "bias_kwh")

    @admin.display(description="inside its band", empty_value="—")
    def inside(self, forecast: EnergyForecast) -> str | None:
        share = forecast.scores.get("inside_band")
        return None if share is None else f"{share:.0%}"

    @asked_first(
        "Forecast again", done="queued", button="Forecast again", role=Role.OPERATOR,
        warning="With the same model and as far ahead, from the newest readings on.",
    )  # fmt: skip
    def forecast_again(self, request: HttpRequest, forecast: EnergyForecast) -> None:
        number = None if forecast.asset is None else forecast.asset.number
        request_forecasts(Asked(model=forecast.model, quarters=forecast.quarters, number=number), request.user)


def _told(forecast: EnergyForecast, name: str) -> str | None:
    value = forecast.scores.get(name)
    return None if value is None else f"{value:.3g}"
