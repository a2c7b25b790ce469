"""What workers do for this room."""

from __future__ import annotations

from typing import Any

from jobs.registry import duty, job, tally
from jobs.running.report import Report


@job("load_estimator", title="Load an estimator's script")
def load(report: Report, estimator_id: int) -> dict[str, Any]:
    from twin.estimation.loading import load_estimator  # noqa: PLC0415  (numpy; a web process boots without it)
    from twin.models import Estimator  # noqa: PLC0415

    report.progress(0.0, "Running the script in the sandbox.")
    estimator = load_estimator(Estimator.objects.select_related("battery").get(pk=estimator_id), report.wait)
    return {"estimator": str(estimator), "entry": estimator.entry}


@job("restart_estimator", title="Start an estimator once more for late rows")
def restart(report: Report, estimator_id: int) -> dict[str, Any]:
    from twin.estimation.loading import restart_estimator  # noqa: PLC0415  (numpy, as above)
    from twin.models import Estimator  # noqa: PLC0415

    report.progress(0.0, "Running the script in the sandbox.")
    found = Estimator.objects.select_related("battery", "progress").get(pk=estimator_id)
    return {"estimator": str(restart_estimator(found, report.wait))}


@duty("versions of estimators")
def promote_versions() -> bool:
    from twin.versions import promote_those_caught_up  # noqa: PLC0415  (models are ready only now)

    return promote_those_caught_up() > 0


@duty("replaced estimates")
def delete_replaced() -> bool:
    from twin.estimation.replacing import delete_replaced_series  # noqa: PLC0415  (models are ready only now)

    return delete_replaced_series()


@duty("retention of estimates")
def thin_estimates() -> bool:
    from twin.retention import thin_old_estimates  # noqa: PLC0415  (models are ready only now)

    return thin_old_estimates()


@job("fit_cell", title="Fit a cell model")
def fit(
    report: Report, title: str, wishes: dict[str, Any], battery_id: int | None = None, file: str = ""
) -> dict[str, Any]:
    """To a battery's rows, or to those of a file that was sent for it."""
    from datahub.models import Battery  # noqa: PLC0415  (models are ready only now)
    from datahub.readers.apart import open_rows_apart  # noqa: PLC0415  (numpy; a web process boots without it)
    from twin.fitting import files  # noqa: PLC0415  (models are ready only now)
    from twin.fitting.gathering import rows_of_battery, rows_of_file  # noqa: PLC0415  (numpy, as above)
    from twin.fitting.running import fitted, keep  # noqa: PLC0415  (as above)
    from twin.fitting.wishes import FitRequest  # noqa: PLC0415

    asked, battery = FitRequest(**wishes), None if file else Battery.objects.get(pk=battery_id or 0)
    report.progress(0.0, "Reading rows.")
    if battery is not None:
        gathered = rows_of_battery(battery, asked)
    else:
        gathered = rows_of_file(files.path_of(file), asked, open_rows_apart)
    report.log(f"{len(gathered)} rows.")
    found = fitted(gathered, asked, report.progress)
    kept = keep(found, gathered, asked, title=title, battery=battery, fitted_by=report.job.requested_by)
    for warning in kept.warnings:
        report.log(warning)
    if file:
        files.forget(file)
    source = {"file": gathered.source} if battery is None else {"battery": battery.name}
    return {**source, "parameter_set": kept.pk, "title": kept.title, "mean_nis": round(kept.mean_nis, 3)}


@duty("built-in estimators")
def advance_fleet() -> bool:
    from twin.estimation.fleet import advance_fleet  # noqa: PLC0415  (numpy; a web process boots without it)

    return advance_fleet()


@duty("estimator scripts")
def advance_scripts() -> bool:
    from twin.estimation.scripts import advance_scripts  # noqa: PLC0415  (numpy; a web process boots without it)

    return advance_scripts()


@duty("measurements")
def advance_measurements() -> bool:
    from twin.measuring.advancing import advance_now_and_then  # noqa: PLC0415  (numpy; a web process boots without it)

    return advance_now_and_then()


@tally
def script_ends() -> dict[str, int]:
    from sandbox.tally import script_ends  # noqa: PLC0415  (numpy; a web process boots without it)

    return script_ends()
