"""Assets in the admin: name them, tell what a kWh costs, look at their readings and quarters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from energykit.quarters import MICROSECONDS
from fleet import admin_views
from fleet.assets import CHANGED, update_asset
from fleet.models import Asset
from fleet.queries import exactly_labelled


@admin.register(Asset)
class AssetAdmin(admin.ModelAdmin):
    list_display = ("number", "name", "kind", "source", "first_reading", "last_reading", "came", "ledger")
    list_display_links = ("number", "name")
    list_filter = ("kind",)
    search_fields = ("name", "number")
    show_full_result_count = False
    about_energy = ("source", "first_reading", "last_reading", "came", "links")
    readonly_fields = (*about_energy, "created")

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

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting takes a look at what goes: one asset at a time."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description="energy from")
    def source(self, asset: Asset) -> str:
        return "posted readings" if asset.battery_id is None else "the rows of a battery"

    @admin.display(description="first reading", ordering="first_time", empty_value="—")
    def first_reading(self, asset: Asset) -> str | None:
        return None if asset.first_time is None else exactly_labelled(asset.first_time)

    @admin.display(description="last reading", ordering="last_time", empty_value="—")
    def last_reading(self, asset: Asset) -> str | None:
        return None if asset.last_time is None else exactly_labelled(asset.last_time)

    @admin.display(description="came", ordering="last_received", empty_value="—")
    def came(self, asset: Asset) -> str | None:
        if asset.last_received is None:
            return None
        return datetime.fromtimestamp(asset.last_received, UTC).strftime("%Y-%m-%d %H:%M UTC")

    @admin.display(description="ledger")
    def ledger(self, asset: Asset) -> SafeString:
        return format_html('<a href="{}">Readings and quarters</a>', self._readings(asset))

    @admin.display(description="links")
    def links(self, asset: Asset) -> SafeString:
        end = MICROSECONDS if asset.last_time is None else asset.last_time + MICROSECONDS
        start = max(end - 7 * 86_400 * MICROSECONDS, 0)
        window = f"start={exactly_labelled(start)}&end={exactly_labelled(end)}"
        return format_html(
            'fleet.asset:{} · <a href="{}">Readings and quarters</a> · <a href="{}">API</a> · '
            '<a href="{}?spaceship_id={}&{}">Its last week as JSON</a>',
            asset.pk, self._readings(asset), reverse("asset-detail", args=[asset.pk]),
            reverse("fleet-data"), asset.number, window,
        )  # fmt: skip

    def _readings(self, asset: Asset) -> str:
        return reverse("admin:fleet_asset_readings", args=[asset.pk])

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
