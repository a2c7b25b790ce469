"""Batteries and imports in the admin: register, describe, import, look, download, end, delete."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.admin_parts import (
    OurPages,
    address_of,
    asked_first,
    badge,
    by_presence,
    by_words,
    is_sure,
    links_to,
    question,
    told,
)
from access.errors import Refused
from access.roles import Role, role_of
from datahub import admin_views
from datahub.exports.archive import download_archive
from datahub.filing import (
    archive_batteries,
    restore_batteries,
    tag_batteries,
    tags_there_are,
    untag_batteries,
    with_tag,
)
from datahub.forms import AS_JSON, BatteryForm, DataImportForm, battery_form
from datahub.imports.requesting import request_import
from datahub.keeping import dropped_in_words
from datahub.keeping import in_words as in_words_of_keeping
from datahub.models import Battery, DataImport
from datahub.registration import KEEPING, finish, register_battery, reopen, update_battery
from datahub.states import WORDS, data_state, in_data_state, in_words
from datahub.units import unit_of
from datahub.validators import TAG_LENGTH
from jobs import queue
from jobs.admin import WORDS as WORDS_OF_JOBS


@dataclass(frozen=True)
class ColumnsFromAbove:
    """Columns of the list of batteries that a room above fills: for the batteries shown, by id and heading."""

    headings: tuple[str, ...]
    fill: Callable[[list[Battery]], Mapping[int, Mapping[str, Any]]]


columns_from_above: list[ColumnsFromAbove] = []


def _column_from_above(heading: str) -> Callable[[Any], Any]:
    @admin.display(description=heading, empty_value="—")
    def column(battery: Any) -> Any:
        return battery.from_above.get(heading)

    return column


class DataStateFilter(admin.SimpleListFilter):
    title = "data"
    parameter_name = "data"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Battery]) -> QuerySet[Battery]:
        if self.value() not in WORDS:
            return queryset
        return in_data_state(queryset, str(self.value()), timezone.now())


class TagFilter(admin.SimpleListFilter):
    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(tag, tag) for tag in tags_there_are()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Battery]) -> QuerySet[Battery]:
        return with_tag(queryset, self.value() or "") if self.value() else queryset


class ActionWithTag(ActionForm):
    tag = forms.CharField(
        required=False, max_length=TAG_LENGTH, widget=forms.TextInput(attrs={"size": 12, "placeholder": "for tagging"})
    )


@admin.register(Battery)
class BatteryAdmin(OurPages, admin.ModelAdmin):
    typed_name = True
    api_route = "battery-detail"
    list_display = ("name", "data", "shown_tags", "shown_rows", "last_row")
    list_filter = (
        DataStateFilter,
        by_presence("filing", "filing", "archived_at", {"fleet": "In the fleet", "archived": "Archived"}, "fleet"),
        TagFilter,
        by_words("simulated", "is_simulated", {"1": "Simulated", "0": "Measured"}),
    )
    date_hierarchy = "created"
    search_fields = ("name", "description")
    show_full_result_count = False
    action_form = ActionWithTag
    actions = ("finish", "reopen", "archive", "restore", "tag", "untag", "export")
    only_in_list = ("tag", "untag")
    about_data = ("sentence", "shown_rows", "shown_columns", "times", "irregular", "fullness", "rows_and_files")
    readonly_fields = (*about_data, "shown_metadata", "created")
    save_on_top = True

    # --- forms -----------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Battery | None = None) -> Any:
        about = ("name", "description", "is_simulated")
        data = [("Data", {"fields": self.about_data})] if obj else []
        keeping = ("How much is kept", {"fields": KEEPING, "classes": ("collapse",)})
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if not may_write:
            shown = ("shown_metadata", "created")
            return [(None, {"fields": about}), *data, keeping, ("Metadata", {"fields": shown})]
        return [
            (None, {"fields": about}),
            *data,
            keeping,
            *_metadata_in_groups(),
            ("Metadata as JSON", {"fields": (AS_JSON,), "classes": ("collapse",)}),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "form": battery_form()})

    def get_readonly_fields(self, request: HttpRequest, obj: Battery | None = None) -> tuple[str, ...]:
        fixed = (*self.readonly_fields, "name") if obj else self.readonly_fields
        # A limit deletes rows, which is for administrators.
        return fixed if role_of(request.user) >= Role.ADMINISTRATOR else (*fixed, *KEEPING)

    def save_model(self, request: HttpRequest, obj: Battery, form: Any, change: bool) -> None:
        assert isinstance(form, BatteryForm)
        if change:
            update_battery(
                obj, metadata=form.document, description=obj.description, is_simulated=obj.is_simulated,
                **{name: getattr(obj, name) for name in KEEPING},
            )  # fmt: skip
            return
        made = register_battery(
            form.document,
            name=obj.name,
            description=obj.description,
            is_simulated=obj.is_simulated,
            must_be_new=True,
            **{name: getattr(obj, name) for name in KEEPING},
        )
        obj.pk, obj.metadata = made.pk, made.metadata

    # --- the list --------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Battery]:
        found = super().get_queryset(request)
        at_list = request.resolver_match is not None and request.resolver_match.url_name == "datahub_battery_changelist"
        return found.defer("metadata", "columns") if at_list and request.method == "GET" else found

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        beside = [_column_from_above(heading) for each in columns_from_above for heading in each.headings]
        return [*self.list_display, *beside, "ways"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """What rooms above know is asked of them once, for all rows of the page."""
        found = super().get_changelist_instance(request)
        shown = list(found.result_list)
        filled = [each.fill(shown) for each in columns_from_above]
        for battery in shown:
            battery.from_above = {
                heading: value for by_id in filled for heading, value in by_id.get(battery.pk, {}).items()
            }
        return found

    def page_of(self, battery: Battery) -> str:
        return reverse("dashboard", args=[battery.name])

    @admin.display(description="data", ordering="last_received")
    def data(self, battery: Battery) -> SafeString:
        state = data_state(battery, timezone.now())
        filed = badge("■", "Archived", "Out of the fleet's lists.") if battery.archived_at else ""
        return format_html("{} {}", badge(state.shape, state.word, state.sentence), filed)

    @admin.display(description="tags", empty_value="—")
    def shown_tags(self, battery: Battery) -> str:
        return ", ".join(battery.tags)

    @admin.display(description="rows", ordering="rows")
    def shown_rows(self, battery: Battery) -> str:
        return f"{battery.kept_rows:,}"

    @admin.display(description="last row", ordering="last_received", empty_value="—")
    def last_row(self, battery: Battery) -> str | None:
        age = data_state(battery, timezone.now()).age
        return None if age is None else f"{in_words(age)} ago"

    # --- one battery -----------------------------------------------------------------------------------------------
    @admin.display(description="state")
    def sentence(self, battery: Battery) -> SafeString:
        state = data_state(battery, timezone.now())
        return told(state.shape, state.word, state.sentence)

    @admin.display(description="columns")
    def shown_columns(self, battery: Battery) -> SafeString | str:
        columns = ((name, " ".join([kind, unit_of(name)]).strip()) for name, kind in battery.columns.items())
        return format_html_join(", ", '{} <span class="quiet">({})</span>', columns) or "None yet."

    @admin.display(description="test time, s", empty_value="—")
    def times(self, battery: Battery) -> str | None:
        if battery.first_test_time is None or battery.last_test_time is None:
            return None
        return f"{battery.first_test_time:,.3f} to {battery.last_test_time:,.3f}"

    @admin.display(description="beside the rows")
    def irregular(self, battery: Battery) -> str:
        return (
            f"{battery.late_rows:,} of them came late, {battery.repeated_rows:,} were sent again and stored once, "
            f"{battery.refused_rows:,} were refused, {battery.non_finite_values:,} values were not finite."
        )

    @admin.display(description="kept")
    def fullness(self, battery: Battery) -> str:
        dropped = dropped_in_words(battery)
        return in_words_of_keeping(battery) + (f" Deleted so far: {dropped}" if dropped else "")

    @admin.display(description="metadata")
    def shown_metadata(self, battery: Battery) -> SafeString | str:
        if battery.metadata is None:
            return "None yet."
        return format_html("<pre>{}</pre>", json.dumps(battery.metadata, indent=2, ensure_ascii=False))

    @admin.display(description="look at")
    def rows_and_files(self, battery: Battery) -> SafeString:
        imports = f"{reverse('admin:datahub_dataimport_changelist')}?battery__id__exact={battery.pk}"
        return links_to(
            ("Rows", reverse("admin:datahub_battery_rows", args=[battery.pk])),
            ("Download", reverse("admin:datahub_battery_download", args=[battery.pk])),
            ("Its imports", imports),
            ("Its estimators", _list_above("twin_estimator", battery)),
            ("Its forecasts", _list_above("prognosis_forecastrun", battery)),
            ("Its energy", _list_above("fleet_asset", battery, "battery_id__exact")),
        )

    # --- doing -----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        one = "<int:battery_id>"
        view = self.admin_site.admin_view
        return [
            path(f"{one}/rows/", view(admin_views.rows_page), {"of": self}, name="datahub_battery_rows"),
            path(f"{one}/download/", view(admin_views.download_page), {"of": self}, name="datahub_battery_download"),
            *super().get_urls(),
        ]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return admin_views.delete_page(request, self, object_id)

    @asked_first(
        "Finish: silence is no alarm any more", done="finished", button="Finish", role=Role.OPERATOR, undo="reopen",
        warning="Their tests have ended: they stay readable, and are neither late nor silent. Rows that come are kept.",
    )  # fmt: skip
    def finish(self, request: HttpRequest, battery: Battery) -> bool:
        return finish(battery)

    @asked_first(
        "Reopen: rows are expected again", done="reopened", button="Reopen", role=Role.OPERATOR, undo="finish",
        warning="Rows are expected again: without them they are late, and then silent.",
    )  # fmt: skip
    def reopen(self, request: HttpRequest, battery: Battery) -> bool:
        return reopen(battery)

    @asked_first(
        "Archive: out of the fleet's lists", done="archived", button="Archive", role=Role.OPERATOR, undo="restore",
        warning="They leave the fleet's lists and alarms. Nothing is deleted, and what they send is stored.",
    )  # fmt: skip
    def archive(self, request: HttpRequest, battery: Battery) -> bool:
        return bool(archive_batteries([battery.pk]))

    @asked_first(
        "Restore: back in the fleet's lists", done="restored", button="Restore", role=Role.OPERATOR, undo="archive",
    )  # fmt: skip
    def restore(self, request: HttpRequest, battery: Battery) -> bool:
        return bool(restore_batteries([battery.pk]))

    @asked_first(
        "Add the tag beside", done="tagged", button="Add tag", role=Role.OPERATOR, undo="untag",
    )  # fmt: skip
    def tag(self, request: HttpRequest, battery: Battery) -> bool:
        return bool(tag_batteries([battery.pk], request.POST.get("tag", "")))

    @asked_first(
        "Remove the tag beside", done="without the tag", button="Remove tag", role=Role.OPERATOR, undo="tag",
    )  # fmt: skip
    def untag(self, request: HttpRequest, battery: Battery) -> bool:
        return bool(untag_batteries([battery.pk], request.POST.get("tag", "")))

    @admin.action(description="Export rows as Parquet")
    def export(self, request: HttpRequest, batteries: QuerySet[Battery]) -> HttpResponse | StreamingHttpResponse:
        chosen = list(batteries.order_by("name"))
        if is_sure(request):
            return download_archive(request, chosen)
        rows = sum(battery.kept_rows for battery in chosen)
        warning = f"{rows:,} rows are downloaded as one archive, a Parquet file for each battery."
        return question(self, request, batteries, button="Export rows", warning=warning)


@admin.register(DataImport)
class DataImportAdmin(OurPages, admin.ModelAdmin):
    api_route = "import-detail"
    made_once = True
    form = DataImportForm
    list_display = (
        "file_name", "battery", "state", "rows_stored", "rows_repeated", "rows_rejected", "requested_by", "created",
        "error", "ways",
    )  # fmt: skip
    list_filter = (
        "format",
        by_words("state", "job__state", {state: word for state, (_, word) in WORDS_OF_JOBS.items()}),
    )
    list_select_related = ("battery", "job", "requested_by")
    date_hierarchy = "created"
    actions = ("retry", "cancel", "reopen_batteries")
    search_fields = ("file_name", "battery__name", "error")
    autocomplete_fields = ("battery",)
    show_full_result_count = False
    about = (
        "file_name", "format", "battery", "state", "expected", "shown_job",
        "rows_in_file", "rows_read", "rows_stored", "rows_repeated",
        "rows_rejected", "shown_rejections", "shown_columns", "shown_skipped", "error", "requested_by", "created",
    )  # fmt: skip

    class Media:
        js = (Script("js/admin/label_select2.js", defer=True),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The field's widget looks up whatever an address names."""
        given = super().get_changeform_initial_data(request)
        return given if str(given.get("battery", "0")).isdecimal() else {}

    def get_fields(self, request: HttpRequest, obj: DataImport | None = None) -> tuple[str, ...]:
        return self.about if obj else ("battery", "file")

    def get_readonly_fields(self, request: HttpRequest, obj: DataImport | None = None) -> tuple[str, ...]:
        return self.about if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: DataImport | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: DataImport, form: Any, change: bool) -> None:
        made = request_import(form.cleaned_data["file"], battery=obj.battery, requested_by=request.user)
        obj.__dict__.update(made.__dict__)  # the admin goes on with the object that it made

    def response_add(self, request: HttpRequest, obj: DataImport, post_url_continue: str | None = None) -> HttpResponse:
        return redirect("job", obj.job_id)

    def page_of(self, data_import: DataImport) -> str:
        return reverse("job", args=[data_import.job_id]) if data_import.job_id else ""

    @asked_first("Retry", done="retried", button="Retry imports", role=Role.OPERATOR, permissions=("add",))
    def retry(self, request: HttpRequest, data_import: DataImport) -> bool:
        if data_import.job is None:
            raise Refused(f"The job that read {data_import.file_name} is gone; import the file again.")
        data_import.job = queue.retry(data_import.job, request.user)
        data_import.save(update_fields=["job"])
        return True

    @asked_first(
        "Cancel", done="cancelled", button="Cancel imports", role=Role.OPERATOR, permissions=("add",),
        warning="Rows that are stored by then stay.",
    )  # fmt: skip
    def cancel(self, request: HttpRequest, data_import: DataImport) -> bool:
        if data_import.job is None:
            return False
        queue.cancel(data_import.job, request.user.get_username())
        return True

    @asked_first(
        "Reopen their batteries: rows are expected again", done="reopened", button="Reopen battery", role=Role.OPERATOR,
        permissions=("add",), warning="An import of a whole test marks it as finished; this takes that back.",
    )  # fmt: skip
    def reopen_batteries(self, request: HttpRequest, data_import: DataImport) -> bool:
        return data_import.battery is not None and reopen(data_import.battery)

    @admin.display(description="state", ordering="job__state")
    def state(self, data_import: DataImport) -> SafeString | str:
        job = data_import.job
        if job is None:
            return "—"
        sign, word = WORDS_OF_JOBS[job.state]
        return badge(sign, f"{word} {job.progress:.0%}" if job.state == "running" else word, job.message)

    @admin.display(description="rows expected")
    def expected(self, data_import: DataImport) -> str:
        """Of its battery: an import of a whole test ends that test."""
        battery = data_import.battery
        if battery is None or battery.finished_at is None:
            return "Yes: without rows the battery becomes late, and then silent."
        return "No: the test is marked as finished, so that silence is no alarm. Reopen battery, below, takes it back."

    @admin.display(description="job")
    def shown_job(self, data_import: DataImport) -> SafeString | str:
        if data_import.job is None:
            return "—"
        return format_html('<a href="{}">{}</a>', reverse("job", args=[data_import.job_id]), data_import.job)

    @admin.display(description="first refused rows")
    def shown_rejections(self, data_import: DataImport) -> SafeString | str:
        lines = ((each["index"], each["code"], each["message"]) for each in data_import.first_rejections)
        return format_html_join("", "<div>row {}: {}: {}</div>", lines) or "None."

    @admin.display(description="columns")
    def shown_columns(self, data_import: DataImport) -> SafeString | str:
        return format_html_join("", "<div>{} as {}</div>", data_import.columns.items()) or "—"

    @admin.display(description="columns left out")
    def shown_skipped(self, data_import: DataImport) -> SafeString | str:
        return format_html_join("", "<div>{}: it {}</div>", data_import.skipped_columns.items()) or "None."


def _metadata_in_groups() -> list[Any]:
    """By the parts of battery-data-toolkit's BatteryMetadata."""
    fields = battery_form().metadata_fields
    groups = [
        (title, [field.name for field in fields if (field.path[0] if len(field.path) > 1 else "") == part])
        for part, title in (("battery", "Cell"), ("test_protocol", "Test"), ("", "Where the data come from"))
    ]
    about = "As battery-data-toolkit describes a battery (BatteryMetadata)."
    return [(f"Metadata: {title}", {"fields": names, "description": about}) for title, names in groups]


def _list_above(model: str, battery: Battery, field: str = "battery__id__exact") -> str:
    """Of the records of a battery that another room keeps; empty where that room is not installed."""
    address = address_of(f"admin:{model}_changelist")
    return f"{address}?{field}={battery.pk}" if address else ""
