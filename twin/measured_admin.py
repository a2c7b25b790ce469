"""What was measured, in the admin: to look at only. It follows from the rows, and workers alone write it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, address_of
from jobs.admin import ReadOnly
from twin.measured import totals_of
from twin.measuring.records import MeasuredCycle, MeasuredProgress, MeasuredResistance

HOUR = 3600.0
UNKNOWN = "—"


class _Measured(OurPages, ReadOnly, admin.ModelAdmin):
    search_fields = ("battery__name",)
    list_select_related = ("battery",)
    show_full_result_count = False

    def page_of(self, measured: Any) -> str:
        return address_of("dashboard", measured.battery.name)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("battery__metadata")


@admin.register(MeasuredCycle)
class MeasuredCycleAdmin(_Measured):
    list_display = (
        "battery", "number", "start_time", "charge", "discharge", "mean_temperature", "gap_seconds",
    )  # fmt: skip
    list_display_links = ("battery", "number")
    ordering = ("-id",)

    @admin.display(description="charged, Ah", ordering="charge_ah")
    def charge(self, cycle: MeasuredCycle) -> str:
        return f"{cycle.charge_ah:.4g}"

    @admin.display(description="discharged, Ah", ordering="discharge_ah")
    def discharge(self, cycle: MeasuredCycle) -> str:
        return f"{cycle.discharge_ah:.4g}"


@admin.register(MeasuredResistance)
class MeasuredResistanceAdmin(_Measured):
    list_display = ("battery", "test_time", "milliohm", "deviation", "delay_s", "is_charge", "temperature")
    list_display_links = ("battery", "test_time")
    ordering = ("-id",)

    @admin.display(description="mΩ", ordering="ohm")
    def milliohm(self, resistance: MeasuredResistance) -> str:
        return f"{1000 * resistance.ohm:.3g}"

    @admin.display(description="± SD, mΩ", ordering="ohm_sd")
    def deviation(self, resistance: MeasuredResistance) -> str:
        return f"{1000 * resistance.ohm_sd:.2g}"


@admin.register(MeasuredProgress)
class MeasuredProgressAdmin(_Measured):
    list_display = ("battery", "rows_seen", "waiting", "latest_time", "stale_from", "updated")
    fields = (
        "battery", "rows_seen", "waiting", "latest_time", "stale_from", "again_rows", "again_of", "rules",
        "charge", "time", "extremes", "updated", "links",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="rows waiting")
    def waiting(self, progress: MeasuredProgress) -> int:
        return max(0, progress.battery.rows - progress.rows_seen)

    @admin.display(description="charge and energy")
    def charge(self, progress: MeasuredProgress) -> str:
        totals = totals_of(progress.battery)
        sums = totals.sums
        efc = UNKNOWN if totals.efc is None else f"{totals.efc:.1f}"
        return (
            f"{_of(sums, 'charge_ah', 'Ah')} and {_of(sums, 'charge_wh', 'Wh')} in, "
            f"{_of(sums, 'discharge_ah', 'Ah')} and {_of(sums, 'discharge_wh', 'Wh')} out; "
            f"{efc} equivalent full cycles; {totals.cycles} whole cycles"
        )

    @admin.display(description="time")
    def time(self, progress: MeasuredProgress) -> str:
        totals = totals_of(progress.battery)
        names = ("charging", "discharging", "resting", "gap")
        hours = {name: (totals.sums[f"{name}_seconds"] or 0.0) / HOUR for name in names}
        return ", ".join(f"{value:.1f} h {'in gaps' if name == 'gap' else name}" for name, value in hours.items())

    @admin.display(description="extremes")
    def extremes(self, progress: MeasuredProgress) -> str:
        sums = totals_of(progress.battery).sums
        units = {"voltage": "V", "current": "A", "temperature": "°C"}
        return ", ".join(
            f"{_of(sums, f'lowest_{name}', unit)} to {_of(sums, f'highest_{name}', unit)}"
            for name, unit in units.items()
        )

    @admin.display(description="links")
    def links(self, progress: MeasuredProgress) -> SafeString:
        return format_html(
            '<a href="{}">Battery</a> · <a href="{}">Cycles in the API</a> · <a href="{}">Totals in the API</a>',
            reverse("admin:datahub_battery_change", args=[progress.pk]),
            reverse("measured-cycles", args=[progress.pk]),
            reverse("measured-totals", args=[progress.pk]),
        )


def _of(sums: dict[str, float | None], name: str, unit: str) -> str:
    value = sums[name]
    return UNKNOWN if value is None else f"{value:.4g} {unit}"
