"""A fit in words and addresses, for pages, admin and terminal."""

from __future__ import annotations

from django.urls import reverse
from django.utils.http import urlencode

from twin.fitting.records import ParameterSet
from twin.health import DEVIATIONS_OF_BAND


def finding_in_words(fitted: ParameterSet, name: str, factor: float = 1.0) -> str:
    """Value and half of the 95 % band."""
    found = fitted.finding(name)
    if found is None:
        return "—"
    return f"{factor * found['value']:.4g} ±{DEVIATIONS_OF_BAND * factor * found['std']:.2g}"


def use_address(fitted: ParameterSet) -> str:
    """The form of a new estimator with this set in it."""
    given: dict[str, str | int] = {"parameter_set": fitted.pk, "kind": "joint_ukf"}
    if fitted.battery is not None:
        given["battery"] = fitted.battery.name
    return f"{reverse('admin:twin_estimator_add')}?{urlencode(given)}"
