"""Forecasts for many batteries at once, with progress: read in batches, made one after another, written in batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.errors import Refused
from jobs.running.report import Report
from prognosis.forecasting.load import Load
from prognosis.forecasting.making import (
    answer_of,
    failure_of,
    fault_of,
    kept_past,
    kept_result,
    run_forecast,
    told_of,
)
from prognosis.forecasting.past import Past, pasts_of
from prognosis.forecasting.runs import load_of
from prognosis.models import ForecastRun
from prognosis.states import ForecasterKind, RunState
from prognosis.storage import remove_files_of

log = logging.getLogger(__name__)

BATCH = 50
MADE_FIELDS = (
    "history_rows", "newest_estimate", "estimator", "estimator_version", "history_file", "sql", "made_by", "why",
    "headline", "reference_capacity", "horizon_end", "crossing_probability", "crossing_q05", "crossing_q25",
    "crossing_q50", "crossing_q75", "crossing_q95", "threshold", "scored_column", "next_score", "result_file",
    "result_rows", "result_columns", "state", "seconds", "finished", "error", "error_code", "traceback",
)  # fmt: skip


def make_runs(runs: Sequence[int], report: Report) -> dict[str, Any]:
    """Makes those of these runs that are not done yet; one that fails keeps its reason, and the others go on.

    Returns how many are done and how many failed. Being told twice does no harm.
    """
    total, done = len(runs), 0
    for batch in _batches(runs):
        done += len(batch)
        left = ForecastRun.objects.select_related("battery", "forecaster", "job").prefetch_related("fleet")
        left = left.filter(pk__in=batch).exclude(state=RunState.DONE)
        scripts = [run for run in left if run.kind == ForecasterKind.SCRIPT or run.forecaster_id is not None]
        _make_built_in([run for run in left if run not in scripts])
        for run in scripts:
            _make_script(run, report)
        report.progress(done / total, f"{done:,} of {total:,} forecasts.")
    failed = ForecastRun.objects.filter(pk__in=runs, state=RunState.FAILED).count() if total <= 500 else _failed(runs)
    return {"forecasts": total - failed, "failed": failed}


def _failed(runs: Sequence[int]) -> int:
    return sum(ForecastRun.objects.filter(pk__in=batch, state=RunState.FAILED).count() for batch in _batches(runs, 500))


def _make_built_in(runs: list[ForecastRun]) -> None:
    pasts: dict[tuple[float | None, int], Past | Refused] = {}
    for as_of in {run.as_of for run in runs}:
        batteries = list({run.battery_id: run.battery for run in runs if run.as_of == as_of}.values())
        pasts |= {(as_of, pk): past for pk, past in pasts_of(batteries, as_of).items()}
    loads = _Loads()
    for run in runs:
        found = pasts[run.as_of, run.battery_id]
        started = time.monotonic()
        for name, value in _told(run, partial(_made, run, found, loads)).items():
            setattr(run, name, value)
        run.seconds = time.monotonic() - started
    with transaction.atomic():
        # Ten times as fast as one statement with a CASE for each of these fields.
        for run in runs:
            # Not save(): of a run that was deleted meanwhile it would raise, and undo those of the others.
            made = {name: getattr(run, name) for name in MADE_FIELDS}
            if not ForecastRun.objects.filter(pk=run.pk).update(**made):
                remove_files_of(run)


class _Loads(dict[int, Load]):
    """The load of each fleet, which may have thousands of rows, is read once for all of its runs."""

    def of(self, run: ForecastRun) -> Load:
        if run.fleet_id is None:
            return load_of(run)
        if run.fleet_id not in self:
            self[run.fleet_id] = load_of(run)
        return self[run.fleet_id]


def _made(run: ForecastRun, past: Past | Refused, loads: _Loads) -> dict[str, Any]:
    if isinstance(past, Refused):
        raise past
    answer = answer_of(run, past, loads.of(run))
    no_fault = {"error": "", "error_code": "", "traceback": ""}  # of an earlier try
    return {**no_fault, **kept_past(run, past), **told_of(run, answer), **kept_result(run, answer.columns)}


def _told(run: ForecastRun, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What came out, or why not."""
    try:
        return make()
    except Refused as refused:
        return failure_of(refused)
    except Exception as error:
        # A fault of ours: it must not end the forecasts of the other batteries.
        log.exception("Forecast %s failed.", run.pk)
        return fault_of(error)


def _make_script(run: ForecastRun, report: Report) -> None:
    ForecastRun.objects.filter(pk=run.pk).update(job=report.job)
    try:
        run_forecast(run)
    except Refused:  # it is kept in the run
        log.info("Forecast %s failed: %s", run.pk, run.error)
    except Exception:
        log.exception("Forecast %s failed.", run.pk)
        ForecastRun.objects.filter(pk=run.pk).exclude(state__in=RunState.ENDED).update(
            state=RunState.FAILED, finished=timezone.now()
        )


def _batches(items: Sequence[int], size: int = BATCH) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
