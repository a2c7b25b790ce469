"""Ask for a battery's estimates to be made anew from a time on: first what it takes, then the deed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.ranges import moment_of
from twin.queries import with_all_it_takes
from twin.recompute import Cost, cost_of_recomputing, recompute_from


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.ENGINEER)
def recompute_page(request: HttpRequest, estimator_id: int) -> HttpResponse:
    """`t` tells from where: seconds of test time, or a word such as end-6h."""
    estimator = with_all_it_takes().filter(pk=estimator_id).first()
    if estimator is None:
        raise Http404(f"There is no estimator {estimator_id}.")
    battery = estimator.battery
    given = request.POST if request.method == "POST" else request.GET
    text = given.get("t", "").strip()
    at: float | None = None
    cost: Cost | None = None
    complaint = ""
    if text:
        try:
            at = moment_of(text, battery.last_test_time or 0.0, offset_of(battery))
            cost = cost_of_recomputing(estimator, at)
            if request.method == "POST":
                recompute_from(estimator, at)
                messages.success(request, "It is being made anew; what was estimated stays until that has caught up.")
                return redirect(f"{reverse('dashboard', args=[battery.name])}?tab=health")
        except ValueError as unreadable:
            complaint = str(unreadable)
        except Refused as refused:
            complaint = f"{refused.message} {refused.hint}".strip()
    context = {
        "estimator": estimator, "battery": battery, "text": text, "at": at, "cost": cost, "complaint": complaint,
    }  # fmt: skip
    return render(request, "pages/recompute.html", context, status=422 if complaint else 200)
