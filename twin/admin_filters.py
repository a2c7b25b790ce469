"""How the admin's list of estimators is narrowed down."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from twin.models import Estimator


class ByConsistency(admin.SimpleListFilter):
    """By the verdict on a filter's errors."""

    title = "consistency"
    parameter_name = "consistency"
    choices_of_verdict = (
        ("inconsistent", "Inconsistent"),
        ("noted", "Bands wider or narrower than they should be"),
        ("consistent", "Consistent"),
        ("open", "Not judged yet"),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return self.choices_of_verdict

    def queryset(self, request: HttpRequest, queryset: QuerySet[Estimator]) -> QuerySet[Estimator]:
        calm = queryset.filter(progress__is_inconsistent=False)
        match self.value():
            case "inconsistent":
                return queryset.filter(progress__is_inconsistent=True)
            case "noted":
                return calm.filter(progress__verdict__consistent=False)
            case "consistent":
                return calm.filter(progress__verdict__consistent=True)
            case "open":
                return calm.exclude(progress__verdict__consistent=True).exclude(progress__verdict__consistent=False)
        return queryset
