"""Assets in the admin: name them, tell what a kWh costs, look at their readings and quarters."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time as unix_time
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, address_of, asked_first, by_presence, by_words, links_to
from access.roles import Role
from energykit.quarters import MICROSECONDS, labelled
from fleet import admin_views
from fleet import forecast_admin as forecast_admin  # registers more records
from fleet.assets import CHANGED, update_asset
from fleet.forecasting.asking import Asked, request_forecasts
from fleet.models import Asset, Kind
from fleet.queries import exactly_labelled

HOUR, DAY = 3600, 86_400
SOURCES = {"posted": "Posted readings", "battery": "A battery's rows"}


class ByWhenHeard(admin.SimpleListFilter):
    title = "readings came"
    parameter_name = "came"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hour", "In the last hour"), ("day", "In the last day"), ("before", "Longer ago"), ("never", "Never")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
        now = unix_time()
        wishes: dict[str, dict[str, Any]] = {
            "hour": {"last_received__gte": now - HOUR},
            "day": {"last_received__gte": now - DAY},
            "before": {"last_received__lt": now - DAY},
            "never": {"last_received": None},
        }
        return queryset.filter(**wishes.get(self.value() or "", {}))


@admin.register(Asset)
class AssetAdmin(OurPages, admin.ModelAdmin):
    typed_name = True
    api_route = "asset-detail"
    list_display = ("number", "name", "kind", "source", "shown_price", "first_reading", "last_reading", "came", "ways")
    list_display_links = ("number", "name")
    list_filter = (
        by_words("kind", "kind", dict(Kind.choices)),
        by_presence("energy from", "source", "battery_id", SOURCES, "posted"),
        by_presence("price", "priced", "price", {"yes": "Known", "no": "None yet"}, "no"),
        ByWhenHeard,
    )
    date_hierarchy = "created"
    search_fields = ("name", "number")
    show_full_result_count = False
    empty_value_display = "—"
    actions = ("forecast",)
    about_energy = ("source", "first_reading", "last_reading", "came", "look_at")
    readonly_fields = (*about_energy, "created")

    # --- forms -----------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Asset | None = None) -> Any:
        about = ("number", "name", "kind", ("price", "currency"))
        if obj is None:
            return [(None, {"fields": about})]
        of_battery = ("begun_at",) if obj.battery_id is not None else ()
        return [(None, {"fields": (*about, *of_battery)}), ("Energy", {"fields": (*self.about_energy, "created")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Asset | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "number") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Asset, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        wishes = {name: getattr(obj, name) for name in CHANGED}
        obj.__dict__.update(update_asset(Asset.objects.get(pk=obj.pk), **wishes).__dict__)

    def page_of(self, asset: Asset) -> str:
        return address_of("energy-asset", asset.number)

    # --- columns ---------------------------------------------------------------------------------------------------
    @admin.display(description="energy from", ordering="battery_id")
    def source(self, asset: Asset) -> str:
        return "posted readings" if asset.battery_id is None else "the rows of a battery"

    @admin.display(description="a kWh costs", ordering="price", empty_value="—")
    def shown_price(self, asset: Asset) -> str | None:
        return None if asset.price is None else f"{asset.price:g} {asset.currency}".strip()

    @admin.display(description="first reading", ordering="first_time", empty_value="—")
    def first_reading(self, asset: Asset) -> str | None:
        return None if asset.first_time is None else labelled(asset.first_time // MICROSECONDS)

    @admin.display(description="last reading", ordering="last_time", empty_value="—")
    def last_reading(self, asset: Asset) -> str | None:
        return None if asset.last_time is None else labelled(asset.last_time // MICROSECONDS)

    @admin.display(description="came", ordering="last_received", empty_value="—")
    def came(self, asset: Asset) -> str | None:
        if asset.last_received is None:
            return None
        return datetime.fromtimestamp(asset.last_received, UTC).strftime("%Y-%m-%d %H:%M UTC")

    @admin.display(description="links")
    def ways(self, asset: Asset) -> SafeString:
        readings = reverse("admin:fleet_asset_readings", args=[asset.pk])
        return links_to(("Page", self.page_of(asset)), ("Readings", readings), ("API", self.api_of(asset)))

    @admin.display(description="look at")
    def look_at(self, asset: Asset) -> SafeString:
        end = MICROSECONDS if asset.last_time is None else asset.last_time + MICROSECONDS
        start = max(end - 7 * DAY * MICROSECONDS, 0)
        window = f"spaceship_id={asset.number}&start={exactly_labelled(start)}&end={exactly_labelled(end)}"
        battery = "" if asset.battery_id is None else address_of("admin:datahub_battery_change", asset.battery_id)
        return links_to(
            ("Readings and quarters", reverse("admin:fleet_asset_readings", args=[asset.pk])),
            ("Its forecasts", f"{reverse('admin:fleet_energyforecast_changelist')}?asset__id__exact={asset.pk}"),
            ("Its battery", battery),
            ("Its last week as JSON", f"{reverse('fleet-data')}?{window}"),
        )

    # --- doing -----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        readings = path(
            "<int:asset_id>/readings/", view(admin_views.readings_page), {"of": self}, name="fleet_asset_readings"
        )
        return [readings, *super().get_urls()]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Readings and sums by their number: there may be millions."""
        (asset,) = objs
        counts = admin_views.what_is_kept_of(asset)
        told = [f"{count:,} {name}" for name, count in counts.items()]
        return [f"Asset {asset}", told], {"assets": 1, **counts}, set(), []

    @asked_first(
        "Forecast a day", done="queued", button="Forecast a day", role=Role.OPERATOR, permissions=("change",),
        warning="A job for each foretells the day that follows its newest reading.",
    )  # fmt: skip
    def forecast(self, request: HttpRequest, asset: Asset) -> None:
        request_forecasts(Asked(number=asset.number), request.user)
