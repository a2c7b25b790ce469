"""The page of the admin that tells what deleting results deletes, and asks."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from twin.models import Estimator
from twin.results import loss_of_results


def results_page(request: HttpRequest, of: Any, estimators: QuerySet[Estimator]) -> HttpResponse:
    found = list(estimators)
    context = {
        **of.admin_site.each_context(request),
        "opts": of.opts,
        "title": "Delete results?",
        "losses": [(each, loss_of_results(each)) for each in found],
        "any_current": any(each.is_current for each in found),
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/twin/estimator/delete_results.html", context)
