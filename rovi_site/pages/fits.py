"""The pages of fitted cell models: ask for a fit, list what was found, look at one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.errors import NoSuchBattery
from datahub.models import Battery
from datahub.queries import battery_named
from rovi_site.pages import errors
from rovi_site.pages.chart_answers import ChartAnswer
from rovi_site.pages.fit_charts import charts_of
from rovi_site.pages.fit_numbers import finding_rows, tiles_of
from twin.fitting.forms import FitForm
from twin.fitting.requesting import request_fit
from twin.fitting.words import use_address
from twin.models import ParameterSet

ROWS_A_PAGE = 50
SHOWN_ESTIMATORS = 20


@require_GET
@page_for(Role.VIEWER)
def parameter_sets_page(request: HttpRequest) -> HttpResponse:
    found = ParameterSet.objects.select_related("battery").defer("plots", "parameters")
    text = request.GET.get("q", "").strip()
    if text:
        found = found.filter(title__icontains=text) | found.filter(source__icontains=text)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [(each, {row.name: row for row in finding_rows(each)}) for each in page]
    return render(request, "pages/parameter_sets.html", {"page": page, "rows": rows, "is_filtered": bool(text)})


@require_GET
@page_for(Role.VIEWER)
def parameter_set_page(request: HttpRequest, set_id: int) -> HttpResponse:
    fitted = ParameterSet.objects.select_related("battery", "fitted_by").defer("plots").filter(pk=set_id).first()
    if fitted is None:
        raise Http404(f"There is no parameter set {set_id}.")
    context = {
        "fitted": fitted,
        "tiles": tiles_of(fitted),
        "findings": finding_rows(fitted),
        "use_address": use_address(fitted),
        "may_use": role_of(request.user) >= Role.ENGINEER,
        "estimators": fitted.estimators.select_related("battery")[:SHOWN_ESTIMATORS],
        "hours": (fitted.last_time - fitted.first_time) / 3600.0,
    }
    return render(request, "pages/parameter_set.html", context)


@require_GET
@page_for(Role.VIEWER)
def parameter_set_series(request: HttpRequest, set_id: int) -> ChartAnswer:
    fitted = ParameterSet.objects.only("plots").filter(pk=set_id).first()
    if fitted is None:
        raise Http404(f"There is no parameter set {set_id}.")
    return ChartAnswer(charts_of(fitted.plots))


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.ENGINEER)
def fit_page(request: HttpRequest, name: str) -> HttpResponse:
    try:
        battery = battery_named(name)
    except NoSuchBattery as unknown:
        return errors.refused(request, unknown)
    form = FitForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        answer = _queue(request, battery, form)
        if answer is not None:
            return answer
    context: dict[str, Any] = {
        "battery": battery,
        "form": form,
        "sets": ParameterSet.objects.filter(battery=battery).defer("plots", "parameters")[:SHOWN_ESTIMATORS],
    }
    return render(request, "pages/fit.html", context, status=422 if form.errors else 200)


def _queue(request: HttpRequest, battery: Battery, form: FitForm) -> HttpResponse | None:
    try:
        job = request_fit(battery, form.wishes, title=form.cleaned_data["title"], requested_by=request.user)
    except Refused as refused:
        form.add_error(None, f"{refused.message} {refused.hint}".strip())
        return None
    messages.success(request, "The fit is queued; when it is done, this page leads to what it found.")
    return redirect("job", job.pk)
