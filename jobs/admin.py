"""Jobs and workers in the admin: what runs, what failed and why; cancel and retry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.errors import Refused
from access.roles import Role, role_of
from jobs import queue
from jobs.models import Job, JobLine, Shard, Worker


class ReadOnly:
    """Records that only the service writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class JobLines(ReadOnly, admin.TabularInline):
    model = JobLine
    fields = ("at", "text")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "log"


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("number", "title", "subject", "state", "percent", "tried", "worker", "created", "took", "error")
    list_filter = ("state", "kind", "worker")
    search_fields = ("title", "subject", "error", "=id")
    date_hierarchy = "created"
    list_select_related = ("worker",)
    show_full_result_count = False
    actions = ("cancel_jobs", "retry_jobs")
    inlines = (JobLines,)
    fields = (
        "title", "kind", "subject", "state", "percent", "message", "error", "traceback", "arguments", "result", "tried",
        "worker", "requested_by", "cancel_requested_by", "retried_as", "created", "started", "finished", "took",
        "links",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="#", ordering="id")
    def number(self, job: Job) -> str:
        return f"#{job.pk}"

    @admin.display(description="progress")
    def percent(self, job: Job) -> str:
        return f"{job.progress:.0%}"

    @admin.display(description="tries")
    def tried(self, job: Job) -> str:
        return f"{job.tries} of {job.max_tries}"

    @admin.display(description="time")
    def took(self, job: Job) -> str:
        return "—" if job.seconds is None else f"{job.seconds:.1f} s"

    @admin.display(description="links")
    def links(self, job: Job) -> SafeString:
        return format_html(
            '<a href="{}">Page</a> · <a href="{}">API</a>',
            reverse("job", args=[job.pk]),
            reverse("job-detail", args=[job.pk]),
        )

    @admin.action(description="Cancel")
    def cancel_jobs(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._do_each(request, jobs, "cancelled", lambda job: queue.cancel(job, request.user.get_username()))

    @admin.action(description="Retry")
    def retry_jobs(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._do_each(request, jobs, "retried", lambda job: queue.retry(job, request.user))

    def _do_each(self, request: HttpRequest, jobs: QuerySet[Job], word: str, verb: Any) -> None:
        if role_of(request.user) < Role.OPERATOR:
            self.message_user(request, "This needs the role operator.", messages.ERROR)
            return
        done, skipped = 0, []
        for job in jobs:
            try:
                verb(job)
                done += 1
            except Refused as refused:
                skipped.append(refused.message)
        tail = f", {len(skipped)} skipped: {skipped[0]}" if skipped else "."
        self.message_user(request, f"{done} {word}{tail}", messages.WARNING if skipped else messages.SUCCESS)


class HeldShards(ReadOnly, admin.TabularInline):
    model = Shard
    fields = ("number", "taken", "lease_until")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "shards of the fleet that it holds"


@admin.register(Worker)
class WorkerAdmin(ReadOnly, admin.ModelAdmin):
    inlines = (HeldShards,)
    list_display = ("name", "started", "heartbeat", "stopped", "doing")
    search_fields = ("name", "doing")
    date_hierarchy = "started"
    fields = ("name", "started", "heartbeat", "stopped", "doing", "shards", "versions")
    readonly_fields = fields
    show_full_result_count = False
