"""Jobs of this room."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from jobs.registry import duty, job
from jobs.running.report import Report
from prognosis.models import Comparison, FleetForecast, Forecaster, ForecastRun
from prognosis.states import RunState


@job("load_forecaster", title="Load a forecaster's script")
def load_forecaster(report: Report, forecaster_id: int) -> dict[str, Any]:
    from prognosis.forecasting import loading  # noqa: PLC0415  (numpy; a web process knows the job, and never does it)

    forecaster = loading.load_forecaster(Forecaster.objects.get(pk=forecaster_id))
    return {"forecaster": forecaster.pk, "entry": forecaster.entry}


@job("run_forecast", title="Make a forecast")
def run_forecast(report: Report, run_id: int) -> dict[str, Any]:
    from prognosis.forecasting import making  # noqa: PLC0415  (as above)

    run = ForecastRun.objects.select_related("battery", "forecaster").get(pk=run_id)
    ForecastRun.objects.filter(pk=run_id).update(job=report.job)  # a retry is another job
    making.run_forecast(run)
    return {"forecast": run.pk, "rows": run.result_rows}


@job("forecast_fleet", title="Forecast a fleet")
def forecast_fleet(report: Report, group_id: int) -> dict[str, Any]:
    FleetForecast.objects.filter(pk=group_id).update(job=report.job)  # a retry is another job
    return _make_group(report, ForecastRun.objects.filter(fleet=group_id).order_by("pk"))


@job("compare_loads", title="Compare loads")
def compare_loads(report: Report, group_id: int) -> dict[str, Any]:
    Comparison.objects.filter(pk=group_id).update(job=report.job)  # as above
    return _make_group(report, ForecastRun.objects.filter(comparison=group_id).order_by("place"))


def _make_group(report: Report, runs: QuerySet[ForecastRun]) -> dict[str, Any]:
    from prognosis.forecasting import fleet  # noqa: PLC0415  (as above)

    runs.exclude(state__in=RunState.ENDED).update(job=report.job)
    return fleet.make_runs(list(runs.values_list("pk", flat=True)), report)


@job("score_forecast", title="Score a forecast")
def score_forecast(report: Report, run_id: int) -> dict[str, Any]:
    from prognosis.scoring.run import score_again  # noqa: PLC0415  (as above)

    run = ForecastRun.objects.select_related("battery").get(pk=run_id)
    return {"forecast": run.pk, "points": score_again(run)}


@duty("scores of forecasts")
def score_forecasts() -> bool:
    from prognosis.scoring.duty import score_some  # noqa: PLC0415  (as above)

    return score_some()


@duty("retention of forecast files")
def delete_files() -> bool:
    from prognosis.retention import delete_old_files  # noqa: PLC0415  (models are ready only now)

    return delete_old_files()
