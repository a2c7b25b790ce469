"""Forecasters and forecasts in the admin: register a version, see why one failed and at which line, forecast anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Exists, FloatField, Max, OuterRef, QuerySet, Subquery, Sum
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.admin_parts import (
    OurPages,
    SeenInline,
    address_of,
    asked_first,
    badge,
    by_presence,
    by_words,
    links_to,
    told,
)
from access.errors import Refused
from access.roles import Role
from jobs.admin import load_test_of
from prognosis import group_admin  # noqa: F401  (registers more records)
from prognosis.admin_parts import KeptWhileMade, check_page
from prognosis.forecast_forms import ForecastRunForm
from prognosis.forecasting.runs import request_run, run_again
from prognosis.forms import QUERY, SCRIPT, ForecasterForm
from prognosis.models import (
    Forecaster,
    ForecastRun,
    ForecastScore,
    RunState,
    ServedBattery,
    SupportFile,
)
from prognosis.registration import (
    disable_forecaster,
    enable_forecaster,
    queue_loading,
    register_built_in,
    register_forecaster,
)
from prognosis.scoring.asking import request_scoring
from prognosis.states import WORDS_OF_KINDS, ForecasterKind, ForecasterState
from uploads.editing import changes_between, numbered
from uploads.storage import text_of

RUNS_SHOWN = 20
FORECASTER_WORDS = {
    ForecasterState.WAITING: ("○", "Waiting"),
    ForecasterState.READY: ("●", "Ready"),
    ForecasterState.FAILED: ("✕", "Failed"),
}
RUN_WORDS = {
    RunState.QUEUED: ("○", "Queued"),
    RunState.RUNNING: ("◐", "Running"),
    RunState.DONE: ("●", "Done"),
    RunState.FAILED: ("✕", "Failed"),
}


class SupportFiles(SeenInline):
    model = SupportFile
    fields = ("name", "size", "sha256")
    readonly_fields = fields


class ServedBatteries(SeenInline):
    model = ServedBattery
    fields = ("battery_name",)
    readonly_fields = fields


@admin.register(Forecaster)
class ForecasterAdmin(OurPages, admin.ModelAdmin):
    """A version never changes: a correction is a new version; the add form begins from an old one with `?from=`."""

    api_route = "forecaster-detail"
    made_once = True
    typed_name = True
    form = ForecasterForm
    list_display = (
        "name", "version", "shown_kind", "shown_state", "is_current", "for_batteries", "last_run", "mean_error",
        "last_error", "registered", "ways",
    )  # fmt: skip
    list_filter = (
        by_words("state", "state", {state: word for state, (_, word) in FORECASTER_WORDS.items()}),
        by_words("kind", "kind", WORDS_OF_KINDS),
        ("is_current", admin.BooleanFieldListFilter),
        by_presence("use", "use", "disabled_at", {"enabled": "Enabled", "disabled": "Disabled"}, "enabled"),
    )
    date_hierarchy = "registered"
    search_fields = ("name", "served__battery_name", "last_error")
    list_select_related = ("registered_by",)
    show_full_result_count = False
    actions = ("load_again", "disable", "enable")
    fields_when_new = (
        "name", "batteries", ("kind", "preset"), "sql_query", "definition", "script_file", "files", "keep_files_of",
    )  # fmt: skip
    fields_when_known = (
        "state_sentence", "load_test", "shown_kind", "changes", "options", "numbered_script",
        "last_traceback", "sql_query", "entry",
        "library_versions", "script_sha256", "registered_by", "registered", "last_runs", "go_on",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Forecaster | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Forecaster | None = None) -> tuple[Any, ...]:
        return self.fields_when_known if obj else self.fields_when_new

    def get_urls(self) -> list[Any]:
        check = path("check-script/", self.admin_site.admin_view(check_page), name="prognosis_forecaster_check")
        return [check, *super().get_urls()]

    def response_add(self, request: HttpRequest, obj: Forecaster, post_url_continue: str | None = None) -> HttpResponse:
        """On to the record: there a script's load test is followed."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        what = "Its script is being loaded in the sandbox." if obj.is_script else "Forecasts are made with it now."
        self.message_user(request, f"{obj} is registered. {what}")
        return redirect("admin:prognosis_forecaster_change", obj.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Forecaster | None = None) -> tuple[str, ...]:
        return self.fields_when_known if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Forecaster | None) -> list[Any]:
        return [SupportFiles, ServedBatteries] if obj else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Forecaster]:
        scores = ForecastScore.objects.filter(run__forecaster=OuterRef("pk")).order_by().values("run__forecaster")
        mean = scores.annotate(mean=Sum("sum_absolute") / Sum("points", output_field=FloatField())).values("mean")
        found = super().get_queryset(request).prefetch_related("served")
        return found.annotate(last_run_at=Max("runs__created"), mean_absolute=Subquery(mean))

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
        return ", ".join(names[:1]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")

    @admin.display(description="state")
    def state_sentence(self, forecaster: Forecaster) -> SafeString:
        sign, word = _sign_of(forecaster)
        return told(sign, word, forecaster.state_sentence)

    @admin.display(description="state", ordering="state")
    def shown_state(self, forecaster: Forecaster) -> SafeString:
        sign, word = _sign_of(forecaster)
        return badge(sign, word, forecaster.last_error)

    @admin.display(description="kind", ordering="kind")
    def shown_kind(self, forecaster: Forecaster) -> str:
        return WORDS_OF_KINDS.get(forecaster.kind, forecaster.kind)

    @admin.display(description="last forecast", ordering="last_run_at", empty_value="—")
    def last_run(self, forecaster: Any) -> Any:
        return forecaster.last_run_at

    @admin.display(description="mean error of SOH", ordering="mean_absolute", empty_value="—")
    def mean_error(self, forecaster: Any) -> str | None:
        return None if forecaster.mean_absolute is None else f"{100 * forecaster.mean_absolute:.2f} %"

    @admin.display(description="script")
    def numbered_script(self, forecaster: Forecaster) -> SafeString | str:
        return numbered(forecaster.script, forecaster.last_error_line) if forecaster.script else "None: it is built in."

    @admin.display(description="load test")
    def load_test(self, forecaster: Forecaster) -> SafeString | str:
        """Of its script, in the sandbox; the page follows the job."""
        return load_test_of(forecaster.load_job, forecaster.last_error, forecaster.entry)

    @admin.display(description="changed since the version before")
    def changes(self, forecaster: Forecaster) -> SafeString | str:
        older = Forecaster.objects.filter(name=forecaster.name, version__lt=forecaster.version).order_by("-version")
        before = older.first()
        if before is None:
            return "There is none."
        if not (before.is_script and forecaster.is_script):
            return f"v{before.version} was {WORDS_OF_KINDS.get(before.kind, before.kind)}."
        names = (f"v{before.version}", f"v{forecaster.version}")
        script = changes_between(text_of(before.script), text_of(forecaster.script), names)
        query = changes_between(before.sql_query, forecaster.sql_query, names)
        return format_html("{}{}", script, query) if script or query else "Not a line."

    @admin.display(description="last forecasts")
    def last_runs(self, forecaster: Forecaster) -> SafeString | str:
        runs = forecaster.runs.select_related("battery", "job")[:RUNS_SHOWN]
        if not runs:
            return "None yet."
        change = "admin:prognosis_forecastrun_change"
        return format_html_join(
            "",
            '<div><a href="{}">{}</a> {} {}</div>',
            ((reverse(change, args=[run.pk]), run, badge(*RUN_WORDS[run.state_now]), run.error_now) for run in runs),
        )

    def page_of(self, forecaster: Forecaster) -> str:
        first = next(iter(forecaster.battery_names), "")
        battery = address_of("dashboard", first) if first else ""
        return address_of("forecaster", forecaster.pk) or (f"{battery}?tab=forecasts" if battery else "")

    @admin.display(description="go on")
    def go_on(self, forecaster: Forecaster) -> SafeString:
        first = next(iter(forecaster.battery_names), "")
        return links_to(
            ("New version from this", f"{reverse('admin:prognosis_forecaster_add')}?from={forecaster.pk}"),
            ("Forecast", f"{reverse('admin:prognosis_forecastrun_add')}?{urlencode({'battery': first})}"),
        )

    @asked_first(
        "Load again", done="queued", button="Load again", role=Role.ENGINEER, permissions=("add",),
        warning="A worker runs the scripts in the sandbox once more, with the libraries of today.",
    )  # fmt: skip
    def load_again(self, request: HttpRequest, forecaster: Forecaster) -> None:
        if not forecaster.is_script:
            raise Refused(f"{forecaster} is built in; there is no script to load.")
        queue_loading(forecaster, request.user)

    @asked_first(
        "Disable: no forecast is made with it", done="disabled", button="Disable", role=Role.ENGINEER, undo="enable",
        permissions=("add",), warning="Who asks it is told that it is disabled; what it made stays.",
    )  # fmt: skip
    def disable(self, request: HttpRequest, forecaster: Forecaster) -> bool:
        return disable_forecaster(forecaster)

    @asked_first(
        "Enable: it may be asked again", done="enabled", button="Enable", role=Role.ENGINEER, undo="disable",
        permissions=("add",),
    )  # fmt: skip
    def enable(self, request: HttpRequest, forecaster: Forecaster) -> bool:
        return enable_forecaster(forecaster)


def _sign_of(forecaster: Forecaster) -> tuple[str, str]:
    return FORECASTER_WORDS[forecaster.state] if forecaster.disabled_at is None else ("■", "Disabled")


class ByScored(admin.SimpleListFilter):
    title = "score"
    parameter_name = "scored"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return ("yes", "Scored"), ("no", "Not yet")

    def queryset(self, request: HttpRequest, queryset: QuerySet[ForecastRun]) -> QuerySet[ForecastRun]:
        scored = Exists(ForecastScore.objects.filter(run=OuterRef("pk"), points__gt=0))
        if self.value() == "yes":
            return queryset.filter(scored)
        return queryset.filter(~scored) if self.value() == "no" else queryset


@admin.register(ForecastRun)
class ForecastRunAdmin(OurPages, KeptWhileMade, admin.ModelAdmin):
    """Forecasts are asked for here and kept as they came out."""

    page_route, api_route = "forecast", "forecast-detail"
    made_once = True
    form = ForecastRunForm
    list_display = (
        "number", "battery", "shown_maker", "shown_state", "horizon", "headline", "mean_error", "shown_error",
        "took", "requested_by", "created", "ways",
    )  # fmt: skip
    list_filter = (
        by_words("state", "state", {state: word for state, (_, word) in RUN_WORDS.items()}),
        by_words("made with", "kind", WORDS_OF_KINDS),
        ByScored,
    )
    search_fields = ("battery__name", "forecaster_name", "error")
    date_hierarchy = "created"
    list_select_related = ("battery", "forecaster", "job", "requested_by")
    show_full_result_count = False
    actions = ("forecast_again", "score_now")
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
        "battery", "headline", "shown_state", "shown_error", "error_line", "traceback", "script_output", "shown_maker",
        "why",
        "threshold", "crossing_q05", "crossing_q50", "crossing_q95", "crossing_probability", "as_of", "forecaster",
        "forecaster_name", "forecaster_version", "script_sha256", "load", "estimator",
        "newest_estimate", "history_rows", "sql", "result_rows", "result_columns", "seconds", "job", "requested_by",
        "created", "finished", "files",
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[ForecastRun]:
        scores = ForecastScore.objects.filter(run=OuterRef("pk")).order_by().values("run")
        mean = scores.annotate(mean=Sum("sum_absolute") / Sum("points", output_field=FloatField())).values("mean")
        return super().get_queryset(request).annotate(mean_absolute=Subquery(mean))

    @admin.display(description="state", ordering="state")
    def shown_state(self, run: ForecastRun) -> SafeString:
        sign, word = RUN_WORDS[run.state_now]
        return badge(sign, word, run.error_now)

    @admin.display(description="made with")
    def shown_maker(self, run: ForecastRun) -> str:
        if run.kind == ForecasterKind.SCRIPT:
            return run.made_with
        chosen = f", which chose {WORDS_OF_KINDS[run.made_by]}" if run.made_by not in ("", run.kind) else ""
        return WORDS_OF_KINDS[run.kind] + chosen

    @admin.display(description="ahead")
    def horizon(self, run: ForecastRun) -> str:
        days = float(run.load.get("ahead_time") or 0.0) / 86_400.0
        if not days:
            return "—"
        return f"{days / 365.25:.1f} y" if days > 730 else f"{days:.3g} d"

    @admin.display(description="mean error of SOH", ordering="mean_absolute", empty_value="—")
    def mean_error(self, run: Any) -> str | None:
        return None if run.mean_absolute is None else f"{100 * run.mean_absolute:.2f} %"

    @admin.display(description="time", ordering="seconds", empty_value="—")
    def took(self, run: ForecastRun) -> str | None:
        return None if run.seconds is None else f"{run.seconds:.1f} s"

    @admin.display(description="error")
    def shown_error(self, run: ForecastRun) -> str:
        return run.error_now

    @admin.display(description="result", empty_value="—")
    def files(self, run: ForecastRun) -> SafeString | None:
        if run.state != RunState.DONE:
            return None
        return links_to(("CSV", f"{reverse('forecast-result', args=[run.pk])}?format=csv"))

    @asked_first(
        "Forecast again", done="queued", button="Forecast again", role=Role.OPERATOR, permissions=("add",),
        warning="Each is asked for once more, with what is known now; the old ones stay.",
    )  # fmt: skip
    def forecast_again(self, request: HttpRequest, run: ForecastRun) -> None:
        run_again(run, request.user)

    @asked_first(
        "Score now", done="queued", button="Score now", role=Role.OPERATOR, permissions=("add",),
        warning="Each is held anew against all that was estimated since; its scores so far are made once more.",
    )  # fmt: skip
    def score_now(self, request: HttpRequest, run: ForecastRun) -> None:
        request_scoring(run, request.user)
