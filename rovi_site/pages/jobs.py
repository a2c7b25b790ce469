"""The pages of jobs: what runs, what failed and why; cancel and retry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.models import Battery
from jobs import queue
from jobs.models import Job, JobLine, Level, State
from jobs.queries import any_worker_is_alive, queue_summary
from jobs.registry import title_of_kind
from rovi_site.pages.job_causes import causes_of_failures, retry_cause
from rovi_site.pages.numbers import duration
from rovi_site.pages.words import Badge, job_badge

ROWS_A_PAGE = 50
OWN_PAGES = {
    "twin.estimator": ("estimator", "estimator"),
    "prognosis.forecaster": ("forecaster", "forecaster"),
    "prognosis.forecastrun": ("forecast", "forecast"),
    "datahub.dataimport": ("import", "import"),
    "prognosis.fleetforecast": ("fleet forecast", "fleet-forecast"),
    "prognosis.comparison": ("comparison", "comparison"),
}
LOG_LINES = 500
SHOWN_CAUSES = 5
MOST_RUNS = 500
LEAST_PROGRESS = 0.02
STATES = (State.QUEUED, State.RUNNING, State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class JobRow:
    job: Job
    badge: Badge

    @property
    def left(self) -> str:
        return time_left(self.job)


@require_GET
@page_for(Role.VIEWER)
def jobs_page(request: HttpRequest) -> HttpResponse:
    found = _filtered(Job.objects.select_related("worker"), request)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    now, any_worker = timezone.now(), any_worker_is_alive()
    summary = queue_summary()
    counts: Any = summary["counts"]
    causes = causes_of_failures()
    failed = sum(len(cause.jobs) for cause in causes)
    context = {
        "page": page,
        "rows": [JobRow(job, job_badge(job, now, any_worker)) for job in page],
        "counts": [(state, failed if state == State.FAILED else counts.get(state, 0)) for state in STATES],
        "causes": causes[:SHOWN_CAUSES],
        "all_causes": len(causes),
        "failed": failed,
        "may_change": role_of(request.user) >= Role.OPERATOR,
        "total": sum(counts.values()),
        "kinds": [(kind, title_of_kind(kind)) for kind in _kinds_there_are()],
        "oldest_queued": summary["oldest_queued"],
        "is_filtered": any(request.GET.get(name) for name in ("state", "kind", "q", "subject", "battery")),
    }
    return render(request, "pages/jobs.html", context)


def _kinds_there_are() -> list[str]:
    return list(Job.objects.order_by("kind").values_list("kind", flat=True).distinct())


@require_GET
@page_for(Role.VIEWER)
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    job = Job.objects.select_related("worker", "requested_by", "retried_as").filter(pk=job_id).first()
    if job is None:
        raise Http404(f"There is no job #{job_id}.")
    any_worker = any_worker_is_alive()
    context = {
        "job": job,
        "badge": job_badge(job, timezone.now(), any_worker),
        "subject": subject_link(job.subject),
        "kind": title_of_kind(job.kind),
        "timeline": _timeline(job),
        "left": time_left(job),
        **_log(job, request),
        "may_change": role_of(request.user) >= Role.OPERATOR,
        "can_cancel": not job.has_ended,
        "can_retry": job.state in (State.FAILED, State.CANCELLED) and not job.retried_as_id,
        "why_not_running": _why_not_running(job, any_worker),
        "facts": list((job.result or {}).items()) if isinstance(job.result, dict) else [],
    }
    return render(request, "pages/job.html", context)


def _timeline(job: Job) -> list[tuple[str, datetime, str]]:
    """(what, when, after how long), oldest first."""
    steps = [("Queued", job.created, "")]
    if job.started:
        after = duration((job.started - job.created).total_seconds())
        steps.append((f"Begun, try {job.tries} of {job.max_tries}", job.started, f"waited {after}"))
    if job.finished:
        ran = duration((job.finished - (job.started or job.created)).total_seconds())
        steps.append((job.state.capitalize(), job.finished, f"after {ran}"))
    if job.retried_as:
        steps.append((f"Retried as #{job.retried_as_id}", job.retried_as.created, ""))
    return steps


def time_left(job: Job) -> str:
    """Reckoned from how long it took so far; empty while that tells little."""
    if job.state != State.RUNNING or job.seconds is None or job.progress < LEAST_PROGRESS:
        return ""
    return f"about {duration(job.seconds * (1 - job.progress) / job.progress)} left"


def _log(job: Job, request: HttpRequest) -> dict[str, Any]:
    """From the queue on, 500 lines a page, the last page first; searched over all lines."""
    text, level = request.GET.get("q", "").strip().replace("\0", ""), request.GET.get("level", "")
    lines = JobLine.objects.filter(job=job)
    found = lines.filter(text__icontains=text) if text else lines
    if level in Level.ALL:
        found = found.filter(level__in=Level.ALL[Level.ALL.index(level) :])
    pages = Paginator(found.order_by("id"), LOG_LINES)
    return {
        "lines": pages.get_page(request.GET.get("page", pages.num_pages)),
        "has_log": job.lines.exists(),
        "levels": Level.ALL,
        "is_filtered": bool(text or level in Level.ALL),
    }


@require_POST
@page_for(Role.OPERATOR)
def retry_failed(request: HttpRequest) -> HttpResponse:
    retried, refusals = retry_cause(request.POST.get("cause", ""), request.user)
    skipped = f", {len(refusals)} skipped: {refusals[0]}" if refusals else ""
    told = messages.success if retried else messages.warning
    told(request, f"{retried} retried{skipped}." if retried or refusals else "No failed job was left to retry.")
    return redirect("jobs")


@require_POST
@page_for(Role.OPERATOR)
def cancel_job(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        job = queue.cancel(_job(job_id), request.user.get_username())
        messages.success(
            request, "Cancelled." if job.state == State.CANCELLED else "Asked it to stop; it ends at its next report."
        )
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("job", job_id)


@require_POST
@page_for(Role.OPERATOR)
def retry_job(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        fresh = queue.retry(_job(job_id), request.user)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("job", job_id)
    messages.success(request, f"Retried #{job_id} as #{fresh.pk}.")
    return redirect("job", fresh.pk)


def subject_link(subject: str) -> tuple[str, str]:
    """What a job is for, and its address: `datahub.battery:3` leads to that battery's page. Either may be empty."""
    model, _, pk = subject.partition(":")
    if model == "datahub.battery" and pk.isdigit():
        battery = Battery.objects.filter(pk=int(pk)).only("name").first()
        return (battery.name, reverse("dashboard", args=[battery.name])) if battery else (subject, "")
    if model in OWN_PAGES and pk.isdigit():
        word, route = OWN_PAGES[model]
        return f"{word} {pk}", reverse(route, args=[int(pk)])
    try:
        return subject, reverse(f"admin:{model.replace('.', '_')}_change", args=[pk])
    except NoReverseMatch:
        return subject, ""


def _filtered(jobs: QuerySet[Job], request: HttpRequest) -> QuerySet[Job]:
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    text, subject = request.GET.get("q", "").strip(), request.GET.get("subject", "")
    if state in STATES:
        jobs = jobs.filter(state=state)
        if state == State.FAILED:
            jobs = jobs.filter(retried_as=None)
    if kind:
        jobs = jobs.filter(kind=kind)
    if subject:
        jobs = jobs.filter(subject=subject)
    if battery := request.GET.get("battery", "").strip():
        jobs = jobs.filter(subject__in=_subjects_of(battery))
    if text:
        number = text.lstrip("#")
        matches = Q(title__icontains=text) | Q(subject__icontains=text) | Q(error__icontains=text)
        jobs = jobs.filter(matches | Q(pk=int(number)) if number.isdecimal() and len(number) < 18 else matches)
    return jobs


def _subjects_of(name: str) -> list[str]:
    """What jobs for a battery may be for: itself, its estimators, its newest forecasts."""
    battery = Battery.objects.filter(name=name).only("pk").first()
    if battery is None:
        return []
    estimators = battery.estimators.order_by().values_list("pk", flat=True)
    runs = battery.forecasts.order_by("-pk").values_list("pk", flat=True)[:MOST_RUNS]
    return [
        f"datahub.battery:{battery.pk}",
        *(f"twin.estimator:{pk}" for pk in estimators),
        *(f"prognosis.forecastrun:{pk}" for pk in runs),
    ]


def _why_not_running(job: Job, any_worker: bool) -> str:
    if job.state != State.QUEUED:
        return ""
    if not any_worker:
        return "No worker is running. Start one with manage.py run_worker."
    before = Job.objects.filter(state=State.QUEUED, pk__lt=job.pk).count()
    return f"{before} jobs wait before it." if before else "It is the next in line."


def _job(job_id: int) -> Job:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise Http404(f"There is no job #{job_id}.")
    return job
