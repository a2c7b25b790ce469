"""Jobs and workers in the admin: what runs, what failed and why; cancel and retry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from access.admin_parts import OurPages, SeenInline, address_of, asked_first, badge, by_words, links_to, words_of_kind
from access.roles import Role
from jobs import queue
from jobs.draining import drain
from jobs.models import Job, JobLine, Shard, State, Worker
from jobs.queries import alive_workers
from jobs.registry import kinds

WORDS = {
    State.QUEUED: ("○", "Queued"),
    State.RUNNING: ("◐", "Running"),
    State.DONE: ("●", "Done"),
    State.FAILED: ("✕", "Failed"),
    State.CANCELLED: ("■", "Cancelled"),
}


def titles_of_kinds() -> dict[str, str]:
    return {kind.name: kind.title for kind in kinds()}


def load_test_of(job: Job | None, error: str, entry: str) -> SafeString:
    """How the sandbox took a script; while the job is under way, static/js/admin/follow_job.js follows it."""
    if job is None:
        return badge("●", "Loaded") if entry else badge("○", "Not loaded")
    sign, word = WORDS[job.state]
    page = links_to((f"Job #{job.pk}", address_of("job", job.pk)))
    if not job.has_ended:
        follows = '{} <span role="status" data-follow-job="{}">{}</span> {}'
        return format_html(follows, badge(sign, word), address_of("job-detail", job.pk), job.message, page)
    if job.state != State.DONE or error:
        return format_html("{} {} {}", badge(sign if job.state != State.DONE else "✕", word), error or job.error, page)
    return format_html("{} in {} s; it defines {}. {}", badge("●", "Loaded"), f"{job.seconds or 0.0:.1f}", entry, page)


class ReadOnly:
    """Records that only the service writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class JobLines(SeenInline):
    model = JobLine
    fields = ("at", "text")
    readonly_fields = fields
    verbose_name_plural = "log"


@admin.register(Job)
class JobAdmin(OurPages, ReadOnly, admin.ModelAdmin):
    page_route, api_route = "job", "job-detail"
    list_display = ("number", "title", "type", "about", "shown_state", "tried", "took", "worker", "created", "error")
    list_display_links = ("number", "title")
    list_filter = (
        by_words("state", "state", {state: word for state, (_, word) in WORDS.items()}),
        by_words("type", "kind", titles_of_kinds),
        "worker",
    )
    search_fields = ("title", "subject", "error", "=id")
    date_hierarchy = "created"
    list_select_related = ("worker",)
    show_full_result_count = False
    actions = ("retry_jobs", "cancel_jobs")
    inlines = (JobLines,)
    fields = (
        "shown_state", "error", "message", "percent", "type", "about", "tried", "took", "worker", "requested_by",
        "cancel_requested_by", "retried_as", "created", "started", "finished", "arguments", "result", "traceback",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).defer("traceback", "result")

    @admin.display(description="#", ordering="id")
    def number(self, job: Job) -> str:
        return f"#{job.pk}"

    @admin.display(description="type", ordering="kind")
    def type(self, job: Job) -> str:
        return titles_of_kinds().get(job.kind, job.kind)

    @admin.display(description="for", ordering="subject")
    def about(self, job: Job) -> SafeString | str:
        """The record it works on, by its id: names lie in rooms above."""
        label, _, key = job.subject.partition(":")
        if not key:
            return job.subject or "—"
        name = f"{words_of_kind(label)} {key}"
        return links_to((name, address_of(f"admin:{label.replace('.', '_')}_change", key))) or name

    @admin.display(description="state", ordering="state")
    def shown_state(self, job: Job) -> SafeString:
        if job.retried_as_id:
            return badge("■", "Retried", f"As #{job.retried_as_id}.")
        sign, word = WORDS.get(job.state, ("○", job.state))
        return badge(sign, f"{word} {job.progress:.0%}" if job.state == State.RUNNING else word, job.message)

    @admin.display(description="progress")
    def percent(self, job: Job) -> str:
        return f"{job.progress:.0%}"

    @admin.display(description="tries")
    def tried(self, job: Job) -> str:
        return f"{job.tries} of {job.max_tries}"

    @admin.display(description="time")
    def took(self, job: Job) -> str:
        return "—" if job.seconds is None else f"{job.seconds:.1f} s"

    @asked_first("Retry", done="retried", button="Retry", role=Role.OPERATOR)
    def retry_jobs(self, request: HttpRequest, job: Job) -> None:
        """Each as a job of its own; those that have not failed are passed over."""
        queue.retry(job, request.user)

    @asked_first(
        "Cancel", done="cancelled", button="Cancel job", role=Role.OPERATOR,
        warning="One that waits ends now. One that runs is asked to stop, and ends at its next report.",
    )  # fmt: skip
    def cancel_jobs(self, request: HttpRequest, job: Job) -> None:
        queue.cancel(job, request.user.get_username())


class HeldShards(SeenInline):
    model = Shard
    fields = ("number", "taken", "lease_until")
    readonly_fields = fields
    verbose_name_plural = "shards of the fleet that it holds"


class ByLife(admin.SimpleListFilter):
    title = "alive"
    parameter_name = "alive"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return ("yes", "Alive"), ("no", "Gone")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Worker]) -> QuerySet[Worker]:
        alive = alive_workers().values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=alive)
        return queryset.exclude(pk__in=alive) if self.value() == "no" else queryset


@admin.register(Worker)
class WorkerAdmin(OurPages, ReadOnly, admin.ModelAdmin):
    api_route = "worker-detail"
    inlines = (HeldShards,)
    list_display = ("name", "life", "doing", "job", "version", "started", "heartbeat")
    list_filter = (ByLife,)
    search_fields = ("name", "doing")
    date_hierarchy = "started"
    fields = ("name", "life", "doing", "job", "started", "heartbeat", "stopped", "shards", "versions")
    readonly_fields = fields
    show_full_result_count = False
    actions = ("drain",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        running = Prefetch("jobs", Job.objects.filter(state=State.RUNNING).only("worker", "title", "kind"), "running")
        return super().get_queryset(request).prefetch_related(running)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Who is alive the database says, whose clock wrote the heartbeats; once for all rows of the page."""
        found = super().get_changelist_instance(request)
        alive = set(alive_workers().values_list("pk", flat=True))
        for worker in found.result_list:
            worker.is_alive = worker.pk in alive
        return found

    @admin.display(description="alive")
    def life(self, worker: Any) -> SafeString:
        if not hasattr(worker, "is_alive"):
            worker.is_alive = alive_workers().filter(pk=worker.pk).exists()
        if worker.is_alive and worker.draining:
            return badge("◐", "Draining", "Finishes what it has, takes nothing new, and ends.")
        if worker.is_alive:
            return badge("●", "Alive", f"Last heard of {timesince(worker.heartbeat)} ago.")
        if worker.stopped:
            return badge("■", "Ended", "It ended in good order.")
        return badge("✕", "Lost", f"Not heard of for {timesince(worker.heartbeat)}; its jobs were taken over.")

    @admin.display(description="job")
    def job(self, worker: Any) -> SafeString | str:
        return links_to(*((str(job), address_of("admin:jobs_job_change", job.pk)) for job in worker.running)) or "—"

    @asked_first(
        "Drain: finish, take nothing new, end", done="asked to end", button="Drain", role=Role.ADMINISTRATOR,
        warning="Each finishes what it has, takes nothing new, and ends. Others take over; `serve` starts a fresh one.",
    )  # fmt: skip
    def drain(self, request: HttpRequest, worker: Worker) -> bool:
        return drain(worker)

    @admin.display(description="version")
    def version(self, worker: Worker) -> str:
        return worker.versions.get("rovi", "—")
