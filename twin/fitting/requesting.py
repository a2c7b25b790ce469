"""Ask for a fit: check what can be checked now, and queue the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datahub.models import Battery
from jobs.models import Job
from jobs.queue import enqueue
from twin.errors import FitRefused
from twin.fitting.wishes import fit_request
from twin.states import missing_columns

KIND = "fit_cell"
LONGEST_TITLE = 200


def request_fit(battery: Battery, given: Mapping[str, Any], *, title: str = "", requested_by: Any = None) -> Job:
    """Queues a fit to a battery's rows; raises FitRefused. Its result names the parameter set that it made."""
    asked = fit_request(given)
    missing = missing_columns(battery.columns)
    if missing:
        raise FitRefused(
            f"Battery {battery.name!r} has no column {', '.join(missing)}; a fit needs test_time, current and voltage.",
            hint="Send rows with these columns, or import a file that has them.",
            fields={"battery": [f"It has no {', '.join(missing)}."]},
        )
    return enqueue(
        KIND,
        subject=f"datahub.battery:{battery.pk}",
        title=f"Fit a cell model to {battery.name}"[:250],
        arguments={"battery_id": battery.pk, "title": title[:LONGEST_TITLE], "wishes": asked.as_map()},
        requested_by=requested_by,
    )
