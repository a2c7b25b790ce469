"""The audit trail and the counts of login tries in the admin: read by administrators, changed by nobody."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, words_of_kind
from access.audit_words import changes_in_words
from access.auditing import note
from access.models import AuditEntry, LoginTries

SHOWN, SHORT = 3, 60  # changes in the list, and characters of a value there


class OnlyRead(OurPages, admin.ModelAdmin):
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ByKind(admin.SimpleListFilter):
    title = "kind of record"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = AuditEntry.objects.exclude(kind="").order_by("kind").values_list("kind", flat=True).distinct()
        return [(kind, words_of_kind(kind)) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(OnlyRead):
    api_route = "audit-detail"
    list_display = ("at", "by_whom", "action", "shown_kind", "record_link", "shown_changes", "note", "door", "address")
    list_filter = ("action", ByKind, "door")
    search_fields = ("who", "name", "note", "address", "=record", "token")
    date_hierarchy = "at"
    list_select_related = ("user",)
    fields = (
        "at", "who", "user", "token", "address", "door", "action", "shown_kind", "record_link", "name", "all_changes",
        "note",
    )  # fmt: skip
    readonly_fields = fields

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False  # entries go after ROVI_AUDIT_DAYS, and not before

    @admin.display(description="who", ordering="who")
    def by_whom(self, entry: AuditEntry) -> str:
        return f"{entry.who} by {entry.token}" if entry.token else entry.who or "—"

    @admin.display(description="kind", ordering="kind")
    def shown_kind(self, entry: AuditEntry) -> str:
        return words_of_kind(entry.kind) if entry.kind else "—"

    @admin.display(description="record", ordering="name")
    def record_link(self, entry: AuditEntry) -> SafeString | str:
        """To the record's history; the admin says of one that was deleted that it is gone."""
        if not entry.kind:
            return "—"
        room, _, model = entry.kind.partition(".")
        try:
            address = reverse(f"admin:{room}_{model}_history", args=[entry.record])
        except NoReverseMatch:
            return entry.name
        return format_html('<a href="{}">{}</a>', address, entry.name or entry.record)

    @admin.display(description="changes")
    def shown_changes(self, entry: AuditEntry) -> SafeString | str:
        """The first ones, each cut to a line; the record has all of them."""
        found = changes_in_words(entry, most=SHORT)
        more = f"and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return format_html("{}{}", _lines(found[:SHOWN]), more) if found else "—"

    @admin.display(description="changes")
    def all_changes(self, entry: AuditEntry) -> SafeString | str:
        return _lines(changes_in_words(entry)) or "—"


@admin.register(LoginTries)
class LoginTriesAdmin(OnlyRead):
    """Deleting one forgets the tries, so that who is waiting may try again at once."""

    list_display = ("kind", "account", "address", "tries", "paused_until", "last_try", "last_success")
    list_filter = ("kind",)
    search_fields = ("account", "address")
    date_hierarchy = "last_try"
    fields = list_display
    readonly_fields = fields

    def delete_model(self, request: HttpRequest, obj: LoginTries) -> None:
        note("forgot login tries", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LoginTries]) -> None:
        for counted in queryset:
            note("forgot login tries", counted)
        super().delete_queryset(request, queryset)


def _lines(changes: list[tuple[str, str, str]]) -> SafeString:
    return format_html_join("", "<div>{}: {} → {}</div>", changes)
