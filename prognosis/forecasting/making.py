"""Make a forecast: history, load, script or built-in model, answer, all kept. Runs in a worker."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from access.errors import Refused
from datahub.models import Battery
from energykit.prognosis.health import HealthForecast
from prognosis.errors import ForecasterDisabled, ForecasterFailed, ForecastFailed
from prognosis.forecasting.answer import checked_columns, load_and_forecast
from prognosis.forecasting.built_in import Ask, make
from prognosis.forecasting.history import History, history_of
from prognosis.forecasting.layout import load_columns
from prognosis.forecasting.load import Load
from prognosis.forecasting.loading import load_forecaster
from prognosis.forecasting.outcome import outcome_of
from prognosis.forecasting.past import Past, past_of
from prognosis.forecasting.phases import Phase
from prognosis.forecasting.profile import Profile
from prognosis.forecasting.recorded import record_of
from prognosis.forecasting.runs import load_of
from prognosis.forecasting.script import call_script
from prognosis.models import Forecaster, ForecastRun
from prognosis.queries import check_can_run, forecaster_of, newer_versions_waiting
from prognosis.states import ForecasterKind, RunState
from prognosis.storage import as_parquet, put_file

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
        told = told_of(run, answer)
    except Refused as refused:
        _update(run, seconds=time.monotonic() - started, **failure_of(refused))
        raise
    except Exception as error:
        # A fault of ours: recorded, so that nobody waits for the run, and raised, so that the job shows it.
        _update(
            run,
            seconds=time.monotonic() - started,
            **fault_of(error),
        )
        raise
    _update(run, **told, **kept_result(run, answer.columns), seconds=time.monotonic() - started)
    return run


@dataclass(frozen=True)
class Answer:
    """What came out. `whole` and `reference` as for `outcome_of`; the rest are fields of the run."""

    columns: dict[str, np.ndarray]
    newest: float
    reference: float | None
    whole: HealthForecast | None = None
    made_by: str = ""
    why: str = ""


def told_of(run: ForecastRun, answer: Answer) -> dict[str, Any]:
    """The fields of a run that say what its result says."""
    threshold = run.threshold if run.threshold is not None else settings.END_OF_LIFE_SOH
    told = outcome_of(answer.columns, answer.newest, answer.reference, threshold, answer.whole)
    return {**told, "made_by": answer.made_by, "why": answer.why}


def kept_result(run: ForecastRun, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Stores the result's file; returns the fields of a run that is done."""
    put_file(run.result_file, "result.parquet", as_parquet(columns))
    return {
        "result_file": run.result_file.name,
        "result_rows": len(next(iter(columns.values()))),
        "result_columns": list(columns),
        "state": RunState.DONE,
        "finished": timezone.now(),
    }


def _forecast(run: ForecastRun) -> Answer:
    if run.kind == ForecasterKind.SCRIPT or run.forecaster is not None:
        forecaster = _version_to_run(run)
        if forecaster.is_script:
            return _by_script(run, forecaster)
        _update(
            run, kind=forecaster.kind, options=forecaster.options, forecaster=forecaster,
            forecaster_name=forecaster.name, forecaster_version=forecaster.version,
        )  # fmt: skip
    return by_built_in(run, past_of(run.battery, run.as_of))


def by_built_in(run: ForecastRun, past: Past) -> Answer:
    """A forecast of a built-in kind; what it was made from is kept first. Raises LoadRefused, ForecastFailed."""
    kept = kept_past(run, past)
    _update(run, **kept)
    return answer_of(run, past, load_of(run))


def kept_past(run: ForecastRun, past: Past) -> dict[str, Any]:
    """Stores the history's file; returns the fields of a run that tell it."""
    history = past.history
    columns = {"test_time": history.time_s, "soh": history.soh, "soh_std": history.soh_sd}
    put_file(run.history_file, "history.parquet", as_parquet(columns))
    return {
        "history_rows": len(history),
        "newest_estimate": past.newest,
        "estimator": past.estimator,
        "estimator_version": past.estimator.version,
        "history_file": run.history_file.name,
        "sql": "",
    }


def answer_of(run: ForecastRun, past: Past, load: Load) -> Answer:
    """Touches no record."""
    made = make(Ask(past, load, run.kind, run.options))
    return Answer(made.columns, past.newest, past.reference, made.forecast, made.made_by, made.why)


def _by_script(run: ForecastRun, forecaster: Forecaster) -> Answer:
    history = history_of(run.battery, forecaster.sql_query, run.as_of)
    load = load_columns(load_of(run), partial(_recorded, run.battery, history.newest_estimate), history.capacity)
    load["battery_time"] = history.newest_estimate + load["test_time"]
    _keep_inputs(run, forecaster, history, load)
    called = call_script(
        forecaster,
        "forecast",
        {"history": history.columns, "load": load},
        settings.SANDBOX_FORECAST_SECONDS,
    )
    _update(run, script_output=called.output)
    columns = load_and_forecast(load, checked_columns(called.answer.get("columns")), history.newest_estimate)
    return Answer(columns, history.newest_estimate, history.reference)


def _recorded(battery: Battery, newest: float, phase: Phase) -> tuple[Profile, float]:
    record = record_of(phase, battery, newest)
    return record.profile, record.seconds


def _version_to_run(run: ForecastRun) -> Forecaster:
    """The version that was pinned, or the current one, after those registered since have had their first loading.

    So a run that is asked for right after a registration is made with what was registered.
    """
    if run.is_pinned:
        if run.forecaster is None:
            raise ForecasterFailed("The forecaster that was asked for has been deleted.")
        if run.forecaster.disabled_at is not None:  # since it was asked for
            raise ForecasterDisabled(str(run.forecaster))
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
    put_file(run.history_file, "history.parquet", as_parquet(history.columns))
    put_file(run.load_file, "load.parquet", as_parquet(load))
    _update(
        run,
        forecaster=forecaster,
        forecaster_name=forecaster.name,
        forecaster_version=forecaster.version,
        script_sha256=forecaster.script_sha256,
        kind=ForecasterKind.SCRIPT,
        estimator=history.estimator,
        estimator_version=history.estimator.version,
        sql=history.sql,
        history_rows=history.rows,
        newest_estimate=history.newest_estimate,
        history_file=run.history_file.name,
        load_file=run.load_file.name,
    )


def failure_of(refused: Refused) -> dict[str, Any]:
    """The fields of a run that failed so."""
    told: dict[str, Any] = {
        "state": RunState.FAILED,
        "finished": timezone.now(),
        "error_code": refused.code[:50],
        "error": refused.message + (f" {refused.hint}" if refused.hint else ""),
    }
    if isinstance(refused, ForecastFailed):
        told |= {"traceback": refused.traceback_text, "error_line": refused.line, "script_output": refused.output}
    return told


def fault_of(error: Exception) -> dict[str, Any]:
    """The same where it was no refusal but a fault of ours."""
    told = failure_of(Refused(f"{type(error).__name__}: {error}", code="unexpected"))
    return {**told, "traceback": "".join(traceback.format_exception(error))}


def _update(run: ForecastRun, **values: Any) -> None:
    for name, value in values.items():
        setattr(run, name, value)
    ForecastRun.objects.filter(pk=run.pk).update(**values)
