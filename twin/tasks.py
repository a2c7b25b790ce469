"""What workers do for this room."""

from __future__ import annotations

from typing import Any

from jobs.registry import duty, job
from jobs.running.report import Report


@job("load_estimator", title="Load an estimator's script")
def load(report: Report, estimator_id: int) -> dict[str, Any]:
    from twin.estimation.loading import load_estimator  # noqa: PLC0415  (numpy; a web process boots without it)
    from twin.models import Estimator  # noqa: PLC0415

    report.progress(0.0, "Running the script in the sandbox.")
    estimator = load_estimator(Estimator.objects.select_related("battery").get(pk=estimator_id))
    return {"estimator": str(estimator), "entry": estimator.entry}


@duty("built-in estimators")
def advance_fleet() -> bool:
    from twin.estimation.fleet import advance_fleet  # noqa: PLC0415  (numpy; a web process boots without it)

    return advance_fleet()


@duty("estimator scripts")
def advance_scripts() -> bool:
    from twin.estimation.scripts import advance_scripts  # noqa: PLC0415  (numpy; a web process boots without it)

    return advance_scripts()
