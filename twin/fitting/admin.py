"""Parameter sets in the admin: what was found and how sure, and from there to an estimator; fits of batteries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, is_sure, question
from access.errors import Refused
from access.roles import Role, role_of
from datahub.admin import BatteryAdmin
from datahub.models import Battery
from twin.fitting.records import ParameterSet
from twin.fitting.requesting import request_fit
from twin.fitting.words import finding_in_words, use_address
from twin.health import DEVIATIONS_OF_BAND


@admin.register(ParameterSet)
class ParameterSetAdmin(OurPages, ModelAdmin):
    """What a fit found never changes, save its title."""

    page_route, api_route = "parameter-set", "parameter-set-detail"
    list_display = ("title", "battery", "capacity", "resistance", "rows", "nis", "doubts", "created", "ways")
    date_hierarchy = "created"
    list_select_related = ("battery",)
    search_fields = ("title", "source", "battery__name")
    show_full_result_count = False
    change_form_template = "admin/twin/parameterset/change_form.html"
    readonly_fields = (
        "links", "found", "shown_warnings", "source", "rows", "span", "nis", "error", "wishes", "shown_parameters",
        "estimators", "library_versions", "fitted_by", "created",
    )  # fmt: skip
    fields = ("title", *readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A fit makes them: by the action on batteries, the fit page, the API or `manage.py fit_cell`."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ParameterSet]:
        return super().get_queryset(request).defer("plots")

    @admin.display(description="capacity, Ah")
    def capacity(self, fitted: ParameterSet) -> str:
        return finding_in_words(fitted, "capacity_ah")

    @admin.display(description="R0, mΩ")
    def resistance(self, fitted: ParameterSet) -> str:
        return finding_in_words(fitted, "r0_ohm", 1e3)

    @admin.display(description="mean NIS", ordering="mean_nis")
    def nis(self, fitted: ParameterSet) -> str:
        return f"{fitted.mean_nis:.2f}"

    @admin.display(description="warnings")
    def doubts(self, fitted: ParameterSet) -> str:
        return f"▲ {len(fitted.warnings)}" if fitted.warnings else "none"

    @admin.display(description="links")
    def links(self, fitted: ParameterSet) -> SafeString:
        links = [
            ("Use in a new estimator", use_address(fitted)),
            ("Page with plots", reverse("parameter-set", args=[fitted.pk])),
            ("API", reverse("parameter-set-detail", args=[fitted.pk])),
        ]
        if fitted.battery is not None:
            links.append(("Battery", reverse("admin:datahub_battery_change", args=[fitted.battery.pk])))
        return format_html_join(" · ", '<a href="{}">{}</a>', ((address, word) for word, address in links))

    @admin.display(description="found")
    def found(self, fitted: ParameterSet) -> SafeString:
        return format_html_join(
            "",
            "<div>{}: {} ±{} {} · {} rows, {}</div>",
            (
                (
                    each["title"], f"{each['value']:.5g}", f"{DEVIATIONS_OF_BAND * each['std']:.2g}", each["unit"],
                    each["rows"], each["how"],
                )
                for each in fitted.findings
            ),
        )  # fmt: skip

    @admin.display(description="warnings")
    def shown_warnings(self, fitted: ParameterSet) -> SafeString | str:
        return format_html_join("", "<div>▲ {}</div>", ((each,) for each in fitted.warnings)) or "None."

    @admin.display(description="test time, s")
    def span(self, fitted: ParameterSet) -> str:
        return f"{fitted.first_time:,.0f} to {fitted.last_time:,.0f}"

    @admin.display(description="error of the voltage, mV")
    def error(self, fitted: ParameterSet) -> str:
        return f"{1e3 * fitted.voltage_rmse:.1f} (root of the mean square)"

    @admin.display(description="parameters")
    def shown_parameters(self, fitted: ParameterSet) -> SafeString:
        return format_html_join(
            "", "<div>{} = {}</div>", ((name, str(value)) for name, value in fitted.parameters.items())
        )

    @admin.display(description="estimators with it")
    def estimators(self, fitted: ParameterSet) -> SafeString | str:
        return (
            format_html_join(
                ", ",
                '<a href="{}">{}</a>',
                (
                    (reverse("admin:twin_estimator_change", args=[each.pk]), each)
                    for each in fitted.estimators.select_related("battery")[:20]
                ),
            )
            or "None."
        )


@admin.action(description="Fit a cell model to the data", permissions=["view"])
def fit_cell_model(of: ModelAdmin, request: HttpRequest, batteries: QuerySet[Battery]) -> HttpResponse | None:
    if role_of(request.user) < Role.ENGINEER:
        of.message_user(request, "Fitting a cell model needs the role engineer.", messages.ERROR)
        return None
    if not is_sure(request):
        return question(
            of, request, batteries, button="Fit cell models",
            warning="One job for each battery; it finds an OCV curve and resistances in its rows, and takes minutes.",
        )  # fmt: skip
    jobs, refusals = [], []
    for battery in batteries:
        try:
            jobs.append(request_fit(battery, {}, requested_by=request.user))
        except Refused as refused:
            refusals.append(f"{refused.message} {refused.hint}".strip())
    if jobs:
        links = format_html_join(
            ", ", '<a href="{}">#{}</a>', ((reverse("job", args=[job.pk]), job.pk) for job in jobs)
        )
        of.message_user(request, format_html("Queued as job {}; each names its parameter set when done.", links))
    for refusal in refusals:
        of.message_user(request, refusal, messages.ERROR)
    return None


def offer_fits() -> None:
    """Adds the action to the batteries' list, which lies a floor below and knows nothing of fits."""
    if fit_cell_model not in BatteryAdmin.actions:
        of: Any = BatteryAdmin
        of.actions = (*BatteryAdmin.actions, fit_cell_model)


offer_fits()
