"""Jobs of this room."""

from __future__ import annotations

from typing import Any

from jobs.registry import job
from jobs.running.report import Report
from prognosis.models import Forecaster, ForecastRun


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
