"""Forecasters and forecasts in the admin: register a version, see why one failed and at which line, forecast anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.errors import Refused
from prognosis import group_admin  # noqa: F401  (registers more records)
from prognosis.admin_parts import KeptAsIs, KeptWhileMade, address_of, links_to
from prognosis.forecast_forms import ForecastRunForm
from prognosis.forecasting.runs import request_run, run_again
from prognosis.forms import QUERY, SCRIPT, ForecasterForm
from prognosis.models import (
    Forecaster,
    ForecastRun,
    RunState,
    ServedBattery,
    SupportFile,
)
from prognosis.registration import queue_loading, register_built_in, register_forecaster
from prognosis.states import ForecasterKind
from uploads.storage import text_of

RUNS_SHOWN = 20


class SupportFiles(KeptAsIs, admin.TabularInline):
    model = SupportFile
    fields = ("name", "size", "sha256")
    readonly_fields = fields


class ServedBatteries(KeptAsIs, admin.TabularInline):
    model = ServedBattery
    fields = ("battery_name",)
    readonly_fields = fields


@admin.register(Forecaster)
class ForecasterAdmin(admin.ModelAdmin):
    """A version never changes: a correction is a new version; the add form begins from an old one with `?from=`."""

    form = ForecasterForm
    list_display = ("name", "version", "kind", "state", "is_current", "for_batteries", "last_error", "registered")
    list_filter = ("state", "kind", "is_current")
    search_fields = ("name", "served__battery_name", "last_error")
    list_select_related = ("registered_by",)
    show_full_result_count = False
    actions = ("load_again",)
    fields_when_new = (
        "name", "batteries", ("kind", "preset"), "sql_query", "definition", "script_file", "files", "keep_files_of",
    )  # fmt: skip
    fields_when_known = (
        "state_sentence", "kind", "options", "numbered_script", "last_traceback", "sql_query", "entry",
        "library_versions", "script_sha256", "registered_by", "registered", "last_runs", "links",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Forecaster | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Forecaster | None = None) -> tuple[Any, ...]:
        return self.fields_when_known if obj else self.fields_when_new

    def get_readonly_fields(self, request: HttpRequest, obj: Forecaster | None = None) -> tuple[str, ...]:
        return self.fields_when_known if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Forecaster | None) -> list[Any]:
        return [SupportFiles, ServedBatteries] if obj else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Forecaster]:
        return super().get_queryset(request).prefetch_related("served")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        number = request.GET.get("from", "")
        is_id = number.isdecimal() and len(number) < 18
        before = Forecaster.objects.filter(pk=int(number)).first() if is_id else None
        if before is None:
            given = super().get_changeform_initial_data(request)
            return {"name": given.get("batteries", ""), "sql_query": QUERY, "definition": SCRIPT, **given}
        return {
            "name": before.name,
            "batteries": "\n".join(before.battery_names),
            "kind": before.kind,
            "preset": before.options.get("preset", ""),
            "sql_query": before.sql_query or QUERY,
            "definition": text_of(before.script) if before.script else SCRIPT,
            "keep_files_of": before.pk,
        }

    def save_model(self, request: HttpRequest, obj: Forecaster, form: ModelForm, change: bool) -> None:
        assert isinstance(form, ForecasterForm)
        given, names = form.cleaned_data, form.battery_names() or None
        if given["kind"] == ForecasterKind.SCRIPT:
            stored = register_forecaster(
                name=given["name"],
                definition=form.checked_script,
                sql_query=given["sql_query"],
                files=form.checked_files,
                batteries=names,
                registered_by=request.user,
            )
        else:
            stored = register_built_in(
                name=given["name"],
                kind=given["kind"],
                options=form.options,
                batteries=names,
                registered_by=request.user,
            )
        obj.__dict__.update(stored.__dict__)  # the admin goes on with the object that it made

    @admin.display(description="batteries")
    def for_batteries(self, forecaster: Forecaster) -> str:
        names = forecaster.battery_names
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    @admin.display(description="state")
    def state_sentence(self, forecaster: Forecaster) -> str:
        return forecaster.state_sentence

    @admin.display(description="script")
    def numbered_script(self, forecaster: Forecaster) -> SafeString:
        """The script with numbered lines, the line of the last error marked."""
        if not forecaster.script:
            return SafeString("None: it is built in.")
        plain, marked = "{}  {}", "<mark>{}  {}</mark>"
        lines = [
            (format_html(marked if number == forecaster.last_error_line else plain, f"{number:4}", line),)
            for number, line in enumerate(text_of(forecaster.script).splitlines(), start=1)
        ]
        return format_html('<pre class="script">{}</pre>', format_html_join("\n", "{}", lines))

    @admin.display(description="last forecasts")
    def last_runs(self, forecaster: Forecaster) -> SafeString | str:
        runs = forecaster.runs.select_related("battery", "job")[:RUNS_SHOWN]
        if not runs:
            return "None yet."
        change = "admin:prognosis_forecastrun_change"
        return format_html_join(
            "",
            '<div><a href="{}">{}</a> {} {}</div>',
            ((reverse(change, args=[run.pk]), run, run.state_now, run.error_now) for run in runs),
        )

    @admin.display(description="links")
    def links(self, forecaster: Forecaster) -> SafeString:
        first = next(iter(forecaster.battery_names), "")
        return links_to(
            ("New version from this", f"{reverse('admin:prognosis_forecaster_add')}?from={forecaster.pk}"),
            ("Forecast", f"{reverse('admin:prognosis_forecastrun_add')}?{urlencode({'battery': first})}"),
            ("Page", address_of("forecaster", forecaster.pk)),
            ("API", reverse("forecaster-detail", args=[forecaster.pk])),
        )

    @admin.action(description="Load again", permissions=["change"])
    def load_again(self, request: HttpRequest, forecasters: QuerySet[Forecaster]) -> None:
        scripts = [forecaster for forecaster in forecasters if forecaster.is_script]
        for forecaster in scripts:
            queue_loading(forecaster, request.user)
        self.message_user(request, f"{len(scripts)} queued.", messages.SUCCESS)


@admin.register(ForecastRun)
class ForecastRunAdmin(KeptWhileMade, admin.ModelAdmin):
    """Forecasts are asked for here and kept as they came out."""

    form = ForecastRunForm
    list_display = (
        "number", "battery", "made_with", "headline", "shown_state", "shown_error", "seconds", "requested_by",
        "created",
    )  # fmt: skip
    list_filter = ("state", "kind")
    search_fields = ("battery__name", "forecaster_name", "error")
    date_hierarchy = "created"
    list_select_related = ("battery", "forecaster", "job", "requested_by")
    show_full_result_count = False
    actions = ("forecast_again",)
    fieldsets_when_new = (
        (None, {"fields": (
            "battery", "kind", ("ahead", "ahead_unit"), "profile", "last_days", "current", "power", ("csv", "repeat"),
            ("dataset_battery", "dataset_start", "dataset_end"), "phases",
        )}),
        ("More", {"classes": ("collapse",), "fields": (
            ("step", "step_unit"), ("temperature", "temperature_offset"), "max_c_rate", "preset", "threshold", "as_of",
        )}),
    )  # fmt: skip
    fields_when_known = (
        "battery", "headline", "shown_state", "shown_error", "error_line", "traceback", "script_output", "kind", "why",
        "threshold", "crossing_q05", "crossing_q50", "crossing_q95", "crossing_probability", "as_of", "forecaster",
        "forecaster_name", "forecaster_version", "script_sha256", "load", "estimator",
        "newest_estimate", "history_rows", "sql", "result_rows", "result_columns", "seconds", "job", "requested_by",
        "created", "finished", "links",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: ForecastRun | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: ForecastRun | None = None) -> Any:
        return ((None, {"fields": self.fields_when_known}),) if obj else self.fieldsets_when_new

    def get_readonly_fields(self, request: HttpRequest, obj: ForecastRun | None = None) -> tuple[Any, ...]:
        return self.fields_when_known if obj else ()

    def save_model(self, request: HttpRequest, obj: ForecastRun, form: ModelForm, change: bool) -> None:
        assert isinstance(form, ForecastRunForm)
        stored = request_run(form.battery_asked, form.load, request.user, way=form.way)
        obj.__dict__.update(stored.__dict__)  # the admin goes on with the object that it made

    @admin.display(description="#", ordering="id")
    def number(self, run: ForecastRun) -> str:
        return f"#{run.pk}"

    @admin.display(description="state", ordering="state")
    def shown_state(self, run: ForecastRun) -> str:
        return run.state_now

    @admin.display(description="error")
    def shown_error(self, run: ForecastRun) -> str:
        return run.error_now

    @admin.display(description="links")
    def links(self, run: ForecastRun) -> SafeString:
        return links_to(
            ("Page", address_of("forecast", run.pk)),
            ("API", reverse("forecast-detail", args=[run.pk])),
            ("CSV", f"{reverse('forecast-result', args=[run.pk])}?format=csv" if run.state == RunState.DONE else ""),
        )

    @admin.action(description="Forecast again", permissions=["change"])
    def forecast_again(self, request: HttpRequest, runs: QuerySet[ForecastRun]) -> None:
        queued, skipped = 0, []
        for run in runs:
            try:
                run_again(run, request.user)
                queued += 1
            except Refused as refused:
                skipped.append(refused.message)
        tail = f", {len(skipped)} skipped: {skipped[0]}" if skipped else "."
        self.message_user(request, f"{queued} queued{tail}", messages.WARNING if skipped else messages.SUCCESS)
