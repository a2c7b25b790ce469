"""Ask for a forecast to be scored now, instead of when a worker looks."""

from __future__ import annotations

from typing import Any

from jobs.models import Job
from jobs.queue import enqueue
from prognosis.errors import CannotBeScored
from prognosis.models import ForecastRun
from prognosis.states import RunState


def request_scoring(run: ForecastRun, requested_by: Any = None) -> Job:
    """Queues it; its scores so far are made once more. Raises CannotBeScored."""
    if run.state != RunState.DONE:
        raise CannotBeScored(run.pk, f"is {run.state_now}")
    if run.comparison_id is not None:
        raise CannotBeScored(run.pk, "was made for a supposed load")
    if not run.result_file:
        raise CannotBeScored(run.pk, "has no result that is kept")
    return enqueue(
        "score_forecast",
        subject=f"prognosis.forecastrun:{run.pk}",
        title=f"Score forecast {run.pk} for {run.battery.name}"[:300],
        arguments={"run_id": run.pk},
        requested_by=requested_by,
        max_tries=2,
    )
