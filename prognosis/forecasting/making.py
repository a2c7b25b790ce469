"""Make a forecast: history, load, script, answer, all kept. Runs in a worker."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from access.errors import Refused
from prognosis.errors import ForecasterFailed, ForecastFailed
from prognosis.forecasting.answer import checked_columns, load_and_forecast
from prognosis.forecasting.history import History, history_of
from prognosis.forecasting.load import load_columns
from prognosis.forecasting.loading import load_forecaster
from prognosis.forecasting.runs import load_of
from prognosis.forecasting.script import call_script
from prognosis.models import Forecaster, ForecastRun, RunState
from prognosis.queries import check_can_run, forecaster_of, newer_versions_waiting
from prognosis.storage import as_parquet

log = logging.getLogger(__name__)


def run_forecast(run: ForecastRun) -> ForecastRun:
    """Makes the forecast and keeps what went in and came out; or keeps why not, and raises that.

    A run that is done already stays as it is; one that failed is made anew.
    """
    if run.state == RunState.DONE:
        return run
    _update(run, state=RunState.RUNNING, error="", error_code="", traceback="", error_line=None)
    started = time.monotonic()
    try:
        answer = _forecast(run)
    except Refused as refused:
        _update(run, seconds=time.monotonic() - started, **_failure(refused))
        raise
    except Exception as error:
        # A fault of ours: recorded, so that nobody waits for the run, and raised, so that the job shows it.
        _update(
            run,
            seconds=time.monotonic() - started,
            **_failure(Refused(f"{type(error).__name__}: {error}", code="unexpected")),
            traceback=traceback.format_exc(),
        )
        raise
    run.result_file.save("result.parquet", as_parquet(answer), save=False)
    _update(
        run,
        result_file=run.result_file.name,
        result_rows=len(next(iter(answer.values()))),
        result_columns=list(answer),
        seconds=time.monotonic() - started,
        state=RunState.DONE,
        finished=timezone.now(),
    )
    return run


def _forecast(run: ForecastRun) -> dict[str, np.ndarray]:
    forecaster = _version_to_run(run)
    history = history_of(run.battery, forecaster.sql_query)
    load = load_columns(load_of(run))
    load["battery_time"] = history.newest_estimate + load["test_time"]
    _keep_inputs(run, forecaster, history, load)
    called = call_script(
        forecaster,
        "forecast",
        {"history": history.columns, "load": load},
        settings.SANDBOX_FORECAST_SECONDS,
    )
    _update(run, script_output=called.output)
    return load_and_forecast(load, checked_columns(called.answer.get("columns")), history.newest_estimate)


def _version_to_run(run: ForecastRun) -> Forecaster:
    """The version that was pinned, or the current one, after those registered since have had their first loading.

    So a run that is asked for right after a registration is made with what was registered.
    """
    if run.is_pinned:
        if run.forecaster is None:
            raise ForecasterFailed("The forecaster that was asked for has been deleted.")
        return run.forecaster
    for waiting in newer_versions_waiting(run.battery.name):
        try:
            load_forecaster(waiting)
            break
        except ForecastFailed as failed:
            log.info("Forecaster %s cannot be loaded: %s", waiting, failed)
    forecaster = forecaster_of(run.battery.name)
    check_can_run(forecaster)
    return forecaster


def _keep_inputs(run: ForecastRun, forecaster: Forecaster, history: History, load: dict[str, np.ndarray]) -> None:
    run.history_file.save("history.parquet", as_parquet(history.columns), save=False)
    run.load_file.save("load.parquet", as_parquet(load), save=False)
    _update(
        run,
        forecaster=forecaster,
        forecaster_name=forecaster.name,
        forecaster_version=forecaster.version,
        script_sha256=forecaster.script_sha256,
        sql=history.sql,
        history_rows=history.rows,
        newest_estimate=history.newest_estimate,
        history_file=run.history_file.name,
        load_file=run.load_file.name,
    )


def _failure(refused: Refused) -> dict[str, Any]:
    told: dict[str, Any] = {
        "state": RunState.FAILED,
        "finished": timezone.now(),
        "error_code": refused.code[:50],
        "error": refused.message + (f" {refused.hint}" if refused.hint else ""),
    }
    if isinstance(refused, ForecastFailed):
        told |= {"traceback": refused.traceback_text, "error_line": refused.line, "script_output": refused.output}
    return told


def _update(run: ForecastRun, **values: Any) -> None:
    for name, value in values.items():
        setattr(run, name, value)
    ForecastRun.objects.filter(pk=run.pk).update(**values)
