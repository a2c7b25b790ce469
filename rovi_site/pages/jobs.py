"""The pages of jobs: what runs, what failed and why; cancel and retry."""

from __future__ import annotations

from dataclasses import dataclass
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
from jobs.models import Job, JobLine, State
from jobs.queries import any_worker_is_alive, queue_summary
from rovi_site.pages.words import Badge, job_badge

ROWS_A_PAGE = 50
GROUP_PAGES = {
    "prognosis.fleetforecast": ("fleet forecast", "fleet-forecast"),
    "prognosis.comparison": ("comparison", "comparison"),
}
LOG_LINES = 500
STATES = (State.QUEUED, State.RUNNING, State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class JobRow:
    job: Job
    badge: Badge


@require_GET
@page_for(Role.VIEWER)
def jobs_page(request: HttpRequest) -> HttpResponse:
    found = _filtered(Job.objects.select_related("worker"), request)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    now, any_worker = timezone.now(), any_worker_is_alive()
    summary = queue_summary()
    counts: Any = summary["counts"]
    context = {
        "page": page,
        "rows": [JobRow(job, job_badge(job, now, any_worker)) for job in page],
        "counts": [(state, counts.get(state, 0)) for state in STATES],
        "total": sum(counts.values()),
        "kinds": list(Job.objects.order_by("kind").values_list("kind", flat=True).distinct()),
        "oldest_queued": summary["oldest_queued"],
        "is_filtered": any(request.GET.get(name) for name in ("state", "kind", "q", "subject")),
    }
    return render(request, "pages/jobs.html", context)


@require_GET
@page_for(Role.VIEWER)
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    job = Job.objects.select_related("worker", "requested_by", "retried_as").filter(pk=job_id).first()
    if job is None:
        raise Http404(f"There is no job #{job_id}.")
    lines = list(JobLine.objects.filter(job=job).order_by("-id")[: LOG_LINES + 1])
    any_worker = any_worker_is_alive()
    context = {
        "job": job,
        "badge": job_badge(job, timezone.now(), any_worker),
        "subject": subject_link(job.subject),
        "lines": reversed(lines[:LOG_LINES]),
        "has_more_lines": len(lines) > LOG_LINES,
        "may_change": role_of(request.user) >= Role.OPERATOR,
        "can_cancel": not job.has_ended,
        "can_retry": job.state in (State.FAILED, State.CANCELLED) and not job.retried_as_id,
        "why_not_running": _why_not_running(job, any_worker),
        "facts": list((job.result or {}).items()) if isinstance(job.result, dict) else [],
    }
    return render(request, "pages/job.html", context)


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
    if model == "prognosis.forecastrun" and pk.isdigit():
        return f"forecast {pk}", reverse("forecast", args=[int(pk)])
    if model in GROUP_PAGES and pk.isdigit():
        words, route = GROUP_PAGES[model]
        return f"{words} {pk}", reverse(route, args=[int(pk)])
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
    if text:
        number = text.lstrip("#")
        matches = Q(title__icontains=text) | Q(subject__icontains=text) | Q(error__icontains=text)
        jobs = jobs.filter(matches | Q(pk=int(number)) if number.isdecimal() and len(number) < 18 else matches)
    return jobs


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
