"""Estimators in the admin: register a version, see how far it is, why it stopped and at which line, let it go on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, SeenInline, address_of, asked_first, badge, by_words, in_words, links_to, told
from access.errors import Refused
from access.roles import Role
from jobs.admin import WORDS as WORDS_OF_JOBS
from jobs.admin import load_test_of
from jobs.queries import jobs_of
from twin import battery_columns as battery_columns  # gives the list of batteries its health
from twin import measured_admin as measured_admin  # registers what was measured
from twin.admin_filters import ByConsistency
from twin.admin_views import check_page, results_page
from twin.fitting import admin as fitting_admin  # noqa: F401  (registers parameter sets)
from twin.forms import PARAMETER, EstimatorForm, beginning_from
from twin.health import DEVIATIONS_OF_BAND, health_of
from twin.models import Estimator, SupportFile, VersionChange
from twin.queries import newest_covariance, newest_mean
from twin.registration import register_estimator, retry_estimator
from twin.results import delete_results, loss_of_results
from twin.states import Kind, Stored, condition_of, rows_behind
from twin.versions import follow, promote, roll_back, stop_following
from uploads.editing import changes_between, numbered
from uploads.storage import text_of

JOBS_SHOWN = 5
GROUPS = (
    ("OCV table", ("ocv_soc", "ocv_voltage", "ocv_interpolation")),
    ("Resistances", ("r0_ohm", "rc_pairs", "has_hysteresis", "hysteresis_seconds", "coulombic_efficiency")),
    ("Where it begins", ("initial_soc", "initial_rc_currents_a", "initial_hysteresis_v", "initial_covariance")),
    ("How sure it is", ("process_noise_per_second", "process_noise", "sensor_variance", "gate_sigmas")),
)
STATES = {
    "soc": "SOC, 0 to 1",
    "i_rc": "RC current, A",
    "hyst": "hysteresis, V",
    "q_t.base_values": "capacity, Ah",
    "r0.base_values": "R0, Ω",
}
KINDS = {Kind.JOINT_UKF: "Built-in filter", Kind.SCRIPT: "Script"}
UNREAD = tuple(f"{track}__{name}" for track in ("progress", "recomputation") for name in ("checkpoint", "evidence"))


class SupportFiles(SeenInline):
    model = SupportFile
    fields = readonly_fields = ("name", "size", "sha256")


@admin.register(Estimator)
class EstimatorAdmin(OurPages, admin.ModelAdmin):
    """A version never changes: a correction is a new version; the add form begins from an old one with `?from=`."""

    api_route = "estimator-detail"
    made_once = True
    typed_name = True
    form = EstimatorForm
    list_display = (
        "battery",
        "version",
        "shown_kind",
        "shown_state",
        "lag",
        "soh",
        "standing",
        "last_error",
        "registered",
        "ways",
    )
    list_display_links = ("battery", "version")
    list_filter = (
        by_words("state", "state", {word: word.capitalize() for word in (Stored.WAITING, Stored.READY, Stored.FAILED)}),
        ByConsistency,
        by_words("kind", "kind", KINDS),
        ("is_current", admin.BooleanFieldListFilter),
        ("followed", admin.BooleanFieldListFilter),
    )
    date_hierarchy = "registered"
    search_fields = ("battery__name", "last_error", "files__name")
    show_full_result_count = False
    actions = ("retry", "promote", "roll_back", "follow", "stop_following", "delete_results")
    fields_when_known = (
        "sentence", "load_test", "shown_traceback", "standing", "go_on", "consistency", "estimates", "cursor", "lag",
        "skipped", "script_output", "shown_kind", "changes", "numbered_script", "shown_parameters", "entry",
        "required_time", "script_sha256", "library_versions", "registered_by", "registered", "last_jobs",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Estimator | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Estimator]:
        found = (
            super()
            .get_queryset(request)
            .select_related("battery", "progress", "recomputation", "registered_by", "load_job")
        )
        return found.defer(*UNREAD)

    def get_fieldsets(self, request: HttpRequest, obj: Estimator | None = None) -> Any:
        if obj is not None:
            return self._fieldsets_when_known(obj)
        return [
            (None, {"fields": ("battery_name", "kind", "promote_when_caught_up")}),
            *_fieldsets_of_filter(),
            (
                "Script",
                {
                    "fields": ("definition", "script_file", "files", "keep_files_of", "required_time"),
                    "classes": ("for-script",),
                },
            ),
        ]

    def get_form(self, request: HttpRequest, obj: Estimator | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Its fields are the form's own, made when it is opened, so Django is not asked to find them in the record."""
        return EstimatorForm if obj is None else super().get_form(request, obj, change, **{**kwargs, "fields": ()})

    def get_readonly_fields(self, request: HttpRequest, obj: Estimator | None = None) -> tuple[str, ...]:
        return self.fields_when_known if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Estimator | None) -> list[Any]:
        return [SupportFiles] if obj and obj.is_script else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        number = request.GET.get("from", "")
        known = Estimator.objects.select_related("battery")
        before = known.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
        if before is not None:
            return beginning_from(before)
        given = super().get_changeform_initial_data(request)  # `parameter_set` of an address among them
        return {"battery_name": request.GET.get("battery", ""), **given}

    def save_model(self, request: HttpRequest, obj: Estimator, form: ModelForm, change: bool) -> None:
        assert isinstance(form, EstimatorForm)
        stored = register_estimator(
            battery_name=form.cleaned_data["battery_name"], **form.wishes, registered_by=request.user
        )
        obj.__dict__.update(stored.__dict__)  # the admin goes on with the object that it made

    def _fieldsets_when_known(self, estimator: Estimator) -> Any:
        went_wrong = ("shown_traceback",) if estimator.traceback else ()
        printed = ("script_output",) if estimator.script_output else ()
        changed = ("changes",) if estimator.version > 1 else ()
        of_script = ("numbered_script", "entry", "required_time", "script_sha256")
        made_of = of_script if estimator.is_script else ("shown_parameters",)
        state = ("load_test",) if estimator.is_script else ()
        return [
            (None, {"fields": ("sentence", *state, *went_wrong, "standing", "go_on")}),
            ("Estimates", {"fields": ("consistency", "estimates", "cursor", "lag", "skipped", *printed)}),
            ("What it is made of", {"fields": ("shown_kind", *changed, *made_of)}),
            (
                "Where it comes from",
                {
                    "fields": ("library_versions", "registered_by", "registered", "last_jobs"),
                    "classes": ("collapse",),
                },
            ),
        ]

    def get_urls(self) -> list[Any]:
        check = path("check-script/", self.admin_site.admin_view(check_page), name="twin_estimator_check")
        return [check, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page draws the OCV table: of this version, or of the presets that may be chosen."""
        record = kwargs.get("obj")
        if record is None:
            from energykit.presets import PRESETS  # noqa: PLC0415  (numpy; a web process boots without it)

            context["presets"] = {
                key: {"ocv_soc": each.ocv_soc, "ocv_voltage": each.ocv_voltage} for key, each in PRESETS.items()
            }
        elif record.parameters:
            context["ocv_table"] = {name: record.parameters[name] for name in ("ocv_soc", "ocv_voltage")}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Estimator, post_url_continue: str | None = None) -> HttpResponse:
        """On to the record: there a script's load test is followed."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        what = "Its script is being loaded in the sandbox." if obj.is_script else "Workers step it as rows come."
        self.message_user(request, f"{obj} is registered. {what}", messages.SUCCESS)
        return redirect("admin:twin_estimator_change", obj.pk)

    # --- what is shown ---------------------------------------------------------------------------------------------
    @admin.display(description="state", ordering="state")
    def shown_state(self, estimator: Estimator) -> SafeString:
        condition = condition_of(estimator)
        return badge(condition.shape, condition.state.capitalize(), condition.sentence)

    @admin.display(description="kind", ordering="kind")
    def shown_kind(self, estimator: Estimator) -> str:
        return KINDS.get(estimator.kind, estimator.kind)

    @admin.display(description="version is", ordering="-is_current")
    def standing(self, estimator: Estimator) -> SafeString | str:
        if estimator.is_current:
            return badge("●", "Current", "Its estimates are the battery's.")
        if estimator.followed:
            then = "Promoted when it has caught up." if estimator.promote_when_caught_up else "Promoted by hand."
            return badge("◐", "Followed", f"Stepped beside the current version. {then}")
        return badge("■", "Stands still", "Another version is current.")

    def loss_of(self, estimator: Estimator) -> str:
        loss = loss_of_results(estimator)
        return "" if loss == "nothing" else loss

    def page_of(self, estimator: Estimator) -> str:
        own = address_of("estimator", estimator.pk)
        battery = address_of("dashboard", estimator.battery.name)
        return own or (f"{battery}?tab=health" if battery else "")

    @admin.display(description="state")
    def sentence(self, estimator: Estimator) -> SafeString:
        condition = condition_of(estimator)
        return told(condition.shape, condition.state.capitalize(), condition.sentence)

    @admin.display(description="consistency")
    def consistency(self, estimator: Estimator) -> SafeString:
        """A parameter that the sentence names leads to its field in the form of a new version."""
        form = f"{reverse('admin:twin_estimator_add')}?from={estimator.pk}"
        parts = estimator.progress.consistency.split("`")
        return format_html_join(
            "",
            "{}",
            (
                (format_html('<a href="{}#id_{}{}">{}</a>', form, PARAMETER, part, part) if place % 2 else part,)
                for place, part in enumerate(parts)
            ),
        )

    @admin.display(description="load test")
    def load_test(self, estimator: Estimator) -> SafeString:
        """Of its script, in the sandbox; the page follows the job."""
        return load_test_of(estimator.load_job, estimator.last_error, estimator.entry)

    @admin.display(description="parameters")
    def shown_parameters(self, estimator: Estimator) -> SafeString | str:
        from energykit.ukf import field_descriptions  # noqa: PLC0415  (numpy; a web process boots without it)

        given = estimator.parameters or {}
        return format_html_join(
            "",
            '<div class="rovi-fact"><span>{}</span> {} {}</div>',
            (
                (described.title, _short(given[described.name]), described.unit)
                for described in field_descriptions()
                if described.name in given
            ),
        )

    @admin.display(description="changed since the version before")
    def changes(self, estimator: Estimator) -> SafeString | str:
        before = (
            Estimator.objects.filter(battery=estimator.battery_id, version__lt=estimator.version)
            .order_by("-version")
            .first()
        )
        if before is None:
            return "The version before is deleted."
        if before.kind != estimator.kind:
            return f"v{before.version} was of the kind {KINDS.get(before.kind, before.kind)}."
        names = (f"v{before.version}", f"v{estimator.version}")
        if estimator.is_script:
            return changes_between(text_of(before.script), text_of(estimator.script), names) or "Not a line."
        old, new = before.parameters or {}, estimator.parameters or {}
        changed = [(name, _short(old.get(name)), _short(new[name])) for name in new if new[name] != old.get(name)]
        return format_html_join("", "<div><code>{}</code>: {} → {}</div>", changed) or "No parameter."

    @admin.display(description="rows behind")
    def lag(self, estimator: Estimator) -> str:
        return f"{rows_behind(estimator):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    @admin.display(description="capacity, Ah")
    def soh(self, estimator: Estimator) -> str:
        health = health_of(estimator)
        if health.capacity is None or health.capacity_sd is None:
            return "—"
        return f"{health.capacity:.3f} ±{DEVIATIONS_OF_BAND * health.capacity_sd:.3f}"

    @admin.display(description="traceback")
    def shown_traceback(self, estimator: Estimator) -> SafeString | str:
        return (
            format_html('<pre class="script" tabindex="0">{}</pre>', estimator.traceback)
            if estimator.traceback
            else "—"
        )

    @admin.display(description="script")
    def numbered_script(self, estimator: Estimator) -> SafeString | str:
        return numbered(estimator.script, estimator.error_line) if estimator.script else "—"

    @admin.display(description="newest estimate")
    def estimates(self, estimator: Estimator) -> SafeString | str:
        mean, covariance = newest_mean(estimator), newest_covariance(estimator)
        if mean is None or covariance is None:
            return "None yet."
        names = estimator.progress.state_names
        return format_html_join(
            "",
            "<div>{} = {} ± {}</div>",
            (
                (
                    STATES.get(name, name),
                    f"{mean[place]:.6g}",
                    f"{DEVIATIONS_OF_BAND * max(covariance[place][place], 0) ** 0.5:.2g}",
                )
                for place, name in enumerate(names)
            ),
        )

    @admin.display(description="cursor")
    def cursor(self, estimator: Estimator) -> str:
        progress = estimator.progress
        speed = f", {1e6 / progress.steps_per_second:.0f} µs a step" if progress.steps_per_second else ""
        latest = "" if progress.latest_time is None else f", t = {progress.latest_time:,.0f} s"
        return f"row {progress.cursor} of {estimator.battery.rows} rows{latest}{speed}"

    @admin.display(description="rows without an estimate")
    def skipped(self, estimator: Estimator) -> str:
        counts = estimator.progress.rows_skipped
        return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in counts.items()) or "none"

    @admin.display(description="jobs")
    def last_jobs(self, estimator: Estimator) -> SafeString | str:
        jobs = jobs_of(f"twin.estimator:{estimator.pk}")[:JOBS_SHOWN]
        if not jobs:
            return "—"
        return format_html_join(
            "",
            '<div><a href="{}">{}</a> {} {}</div>',
            ((address_of("job", job.pk), job, badge(*WORDS_OF_JOBS[job.state]), job.error) for job in jobs),
        )

    @admin.display(description="go on")
    def go_on(self, estimator: Estimator) -> SafeString:
        return links_to(
            ("New version from this", f"{reverse('admin:twin_estimator_add')}?from={estimator.pk}"),
            ("Battery", address_of("admin:datahub_battery_change", estimator.battery_id)),
            (
                "All versions",
                f"{reverse('admin:twin_estimator_changelist')}?battery__id__exact={estimator.battery_id}",
            ),
            ("Estimates as CSV", f"{reverse('estimator-estimates', args=[estimator.pk])}?format=csv"),
        )

    # --- what can be done ------------------------------------------------------------------------------------------
    @asked_first("Retry", done="retried", button="Retry", role=Role.ENGINEER, permissions=("add",))
    def retry(self, request: HttpRequest, estimator: Estimator) -> None:
        retry_estimator(estimator, request.user)

    @asked_first(
        "Promote: make it the current version", done="promoted", button="Promote", role=Role.ENGINEER,
        permissions=("add",), undo="roll_back",
        warning="Their estimates become the batteries' at once. The versions before stand still.",
    )  # fmt: skip
    def promote(self, request: HttpRequest, estimator: Estimator) -> bool:
        if estimator.is_current:
            return False
        promote(estimator, request.user)
        return True

    @asked_first(
        "Roll back to the version before", done="rolled back", button="Roll back", role=Role.ENGINEER,
        permissions=("add",),
        warning="The version that was current before each of them becomes so again, and goes on where it stood.",
    )  # fmt: skip
    def roll_back(self, request: HttpRequest, estimator: Estimator) -> None:
        roll_back(estimator, request.user)

    @asked_first(
        "Follow: step it beside the current version", done="followed", button="Follow", role=Role.ENGINEER,
        permissions=("add",), undo="stop_following",
    )  # fmt: skip
    def follow(self, request: HttpRequest, estimator: Estimator) -> None:
        follow(estimator)

    @asked_first(
        "Pause: stop following", done="no longer followed", button="Pause", role=Role.ENGINEER, permissions=("add",),
        undo="follow", warning="They stand still unless they are current; what they have estimated stays.",
    )  # fmt: skip
    def stop_following(self, request: HttpRequest, estimator: Estimator) -> None:
        stop_following(estimator)

    @admin.action(description="Replay: delete results and estimate all rows anew", permissions=["delete"])
    def delete_results(self, request: HttpRequest, estimators: QuerySet[Estimator]) -> HttpResponse | None:
        """Tells first what would go, and asks."""
        if request.POST.get("sure") != "yes":
            return results_page(request, self, estimators)
        also_current = request.POST.get("even_if_current") == "yes"
        done, skipped = 0, []
        for estimator in estimators:
            try:
                delete_results(estimator, even_if_current=also_current)
                done += 1
            except Refused as refused:
                skipped.append(refused.message)
        level = messages.WARNING if skipped else messages.SUCCESS
        self.message_user(request, in_words(done, "emptied of results", skipped), level)
        return None


@admin.register(VersionChange)
class VersionChangeAdmin(OurPages, admin.ModelAdmin):
    """Which version took the place of which: written down by the verbs, never by hand."""

    list_display = ("battery", "before_version", "after_version", "reason", "by", "at")
    list_display_links = ("battery",)
    list_select_related = ("battery", "by")
    search_fields = ("battery__name", "reason")
    date_hierarchy = "at"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: VersionChange | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: VersionChange | None = None) -> bool:
        return False


def _short(value: Any) -> str:
    """A number to six digits, a list of many by its ends."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(each)}" for name, each in value.items())
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return f"{len(value)} × {len(value[0])}, diagonal {_short([row[i] for i, row in enumerate(value)])}"
        return "; ".join(_short(each) for each in value) or "none"
    return {True: "yes", False: "no", None: "—"}.get(value, str(value)) if not isinstance(value, str) else value


def _fieldsets_of_filter() -> list[Any]:
    """The parameters in groups; what is in none of them comes last."""
    rest = list(EstimatorForm.parameter_fields())
    groups = []
    for title, names in GROUPS:
        fields = [PARAMETER + name for name in names if PARAMETER + name in rest]
        rest = [name for name in rest if name not in fields]
        groups.append((title, {"fields": fields, "classes": ("for-filter",)}))
    begin = {
        "fields": ("parameter_set", "preset", PARAMETER + "capacity_ah"),
        "classes": ("for-filter",),
        "description": "A fitted parameter set, or a preset and the cell's capacity, are enough.",
    }
    rest = [name for name in rest if name != PARAMETER + "capacity_ah"]
    more = {"fields": (*rest, "parameters"), "classes": ("for-filter", "collapse")}
    return [("Built-in filter", begin), *groups, ("Temperature, and all parameters as JSON", more)]
