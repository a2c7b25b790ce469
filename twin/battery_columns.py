"""What the admin's list of batteries shows of health: it lies a floor below and knows of none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from access.admin_parts import badge
from datahub import admin as batteries_admin
from datahub.models import Battery
from twin.health import DEVIATIONS_OF_BAND, fleet_health

SOH, ESTIMATOR = "SOH ±95 %", "estimator"


def health_of_shown(batteries: list[Battery]) -> Mapping[int, Mapping[str, Any]]:
    found = fleet_health([battery.pk for battery in batteries])
    return {
        battery_id: {
            SOH: _percent(health.soh, health.soh_sd, health.reference),
            ESTIMATOR: format_html(
                '<a href="{}">v{}</a> {}',
                reverse("admin:twin_estimator_change", args=[health.estimator_id]),
                health.version,
                badge(health.condition.shape, health.condition.state.capitalize(), health.condition.sentence),
            ),
        }
        for battery_id, health in found.items()
    }


def _percent(share: float | None, deviation: float | None, reference: str) -> Any:
    if share is None or deviation is None:
        return None
    text = f"{100 * share:.1f} ±{100 * DEVIATIONS_OF_BAND * deviation:.1f} %"
    return format_html('<span title="of the capacity {}">{}</span>', reference, text)


def offer_columns() -> None:
    """Once, however often this is called."""
    ours = batteries_admin.ColumnsFromAbove((SOH, ESTIMATOR), health_of_shown)
    if ours not in batteries_admin.columns_from_above:
        batteries_admin.columns_from_above.append(ours)


offer_columns()
