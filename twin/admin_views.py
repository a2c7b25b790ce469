"""The page of the admin that tells what deleting results deletes, and asks."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse

from access.roles import Role, role_of
from twin.models import Estimator
from twin.results import loss_of_results
from twin.validators import check_script
from uploads.editing import syntax_of


def check_page(request: HttpRequest) -> JsonResponse:
    """What is wrong with the syntax of a script that is being written."""
    if role_of(request.user) < Role.ENGINEER:
        raise PermissionDenied("Scripts are written by the role engineer.")
    return syntax_of(request, check_script)


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
