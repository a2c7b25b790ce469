"""Questions about forecasters and forecasts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Case, Count, F, IntegerField, QuerySet, When
from django.db.models.fields.files import FieldFile

from datahub.exports.csv import harmless
from datahub.models import Battery
from prognosis.errors import ForecasterDisabled, ForecasterFailed, NoForecaster, ResultMissing
from prognosis.models import Comparison, FleetForecast, Forecaster, ForecasterState, ForecastRun, ServedBattery
from prognosis.states import RunState
from prognosis.storage import from_parquet
from twin.health import fleet_health
from twin.models import Estimator
from twin.tables import columns_of

if TYPE_CHECKING:
    import numpy as np

NAMES_AT_ONCE = 500
CAPACITY_STATES = ("q_t.base_values", "q_t")
QUANTILES = ("q05", "q25", "q50", "q75", "q95")


def forecaster_of(battery_name: str) -> Forecaster:
    """The version that forecasts for a battery of that name; raises NoForecaster.

    The current one, whichever name it has; where none could be loaded yet, the newest, whatever its state.
    """
    serving = _serving(battery_name)
    found = serving.filter(is_current=True).first() or serving.first()
    if found is None:
        raise NoForecaster(battery_name)
    return found


def forecasters_of(battery_names: Sequence[str]) -> dict[str, Forecaster]:
    """By battery's name, as `forecaster_of` chooses them; those that have none are left out. Few queries for many."""
    chosen: dict[str, Forecaster] = {}
    for start in range(0, len(battery_names), NAMES_AT_ONCE):
        names = battery_names[start : start + NAMES_AT_ONCE]
        served = ServedBattery.objects.filter(battery_name__in=names).select_related("forecaster")
        for each in served.order_by("forecaster__is_current", "forecaster_id"):
            chosen[each.battery_name] = each.forecaster
    return chosen


def check_can_run(forecaster: Forecaster) -> None:
    """Raises ForecasterDisabled, and ForecasterFailed for one that could not be loaded."""
    if forecaster.disabled_at is not None:
        raise ForecasterDisabled(str(forecaster))
    if forecaster.state == ForecasterState.FAILED:
        raise ForecasterFailed(f"The forecaster {forecaster} could not be loaded: {forecaster.last_error}")


def current_forecaster(battery_name: str) -> Forecaster | None:
    """As `forecaster_of`, with None where there is none: for pages."""
    try:
        return forecaster_of(battery_name)
    except NoForecaster:
        return None


def newer_versions_waiting(battery_name: str) -> list[Forecaster]:
    """Versions that nobody has tried to load yet and that would come before the current one, newest first."""
    current = _serving(battery_name).filter(is_current=True).first()
    waiting = _serving(battery_name).filter(state=ForecasterState.WAITING)
    return list(waiting.filter(pk__gt=current.pk) if current else waiting)


def _serving(battery_name: str) -> QuerySet[Forecaster]:
    return Forecaster.objects.filter(served__battery_name=battery_name).order_by("-pk")


def runs_of(battery: Battery) -> QuerySet[ForecastRun]:
    """Newest first."""
    return latest_runs().filter(battery=battery)


def latest_runs() -> QuerySet[ForecastRun]:
    """Newest first, with all that a list shows of them."""
    return ForecastRun.objects.select_related("battery", "forecaster", "job", "requested_by")


def result_of(run: ForecastRun) -> dict[str, np.ndarray]:
    """The columns of load and forecast; empty where there is no result. Raises ResultMissing where its file is gone."""
    return _read(run, run.result_file)


def result_bytes(run: ForecastRun) -> bytes:
    """The result as a Parquet file; raises ResultMissing."""
    try:
        with run.result_file.open("rb") as file:
            content: bytes = file.read()
    except OSError:
        raise ResultMissing(run.pk) from None
    return content


def history_used_by(run: ForecastRun) -> dict[str, np.ndarray]:
    """The columns that were taken as past estimates; empty where it did not come so far. Raises ResultMissing."""
    return _read(run, run.history_file)


def load_used_by(run: ForecastRun) -> dict[str, np.ndarray]:
    """Raises ResultMissing."""
    return _read(run, run.load_file)


@dataclass(frozen=True)
class CrossingTimes:
    """By quantile: with this probability SOH is below the threshold by then; None is not within the horizon."""

    probability: float | None
    horizon_end: float | None
    battery_time: dict[str, float | None]  # s
    date: dict[str, datetime | None]


def crossing_of_run(run: ForecastRun) -> CrossingTimes:
    times = {name: getattr(run, f"crossing_{name}") for name in QUANTILES}
    dates = {name: date_of(run, at) for name, at in times.items()}
    return CrossingTimes(run.crossing_probability, run.horizon_end, times, dates)


def date_of(run: ForecastRun, battery_time: float | None) -> datetime | None:
    """A battery_time, s, in the calendar: the newest estimate is taken for the moment when the forecast was asked for.

    One that was made as of an earlier time began so much earlier. None where that is not known, or beyond what
    calendars hold.
    """
    if battery_time is None or run.newest_estimate is None:
        return None
    newest = run.newest_estimate if run.as_of is None or run.last_test_time is None else run.last_test_time
    try:
        return run.created + timedelta(seconds=battery_time - newest)
    except OverflowError:
        return None


def count_of_runs(group: FleetForecast | Comparison) -> dict[str, int]:
    """By state, also of those whose job ended before they were made."""
    counts = dict(group.runs.order_by().values_list("state").annotate(Count("pk")))
    if group.job is None or group.job.state in ("failed", "cancelled"):
        left = sum(counts.pop(state, 0) for state in (RunState.QUEUED, RunState.RUNNING))
        counts[RunState.FAILED] = counts.get(RunState.FAILED, 0) + left
    return {state: counts.get(state, 0) for state in (RunState.QUEUED, RunState.RUNNING, *RunState.ENDED)}


def fleet_rows(fleet: FleetForecast) -> QuerySet[ForecastRun]:
    """The soonest to cross first, then those that may, then those that stay above, those without a result last."""
    ranked = (
        latest_runs()
        .filter(fleet=fleet)
        .annotate(is_left=Case(When(state=RunState.DONE, then=0), default=1, output_field=IntegerField()))
    )
    return ranked.order_by(
        "is_left",
        (F("crossing_q50") - F("newest_estimate")).asc(nulls_last=True),
        (F("crossing_q05") - F("newest_estimate")).asc(nulls_last=True),
        F("crossing_probability").desc(nulls_last=True),
        "battery__name",
    )


def newest_soh(runs: Sequence[ForecastRun]) -> dict[int, float]:
    """SOH that each forecast began with, by its id, as the estimators tell it now."""
    health = fleet_health({run.battery_id for run in runs})
    return {run.pk: soh for run in runs if (found := health.get(run.battery_id)) and (soh := found.soh) is not None}


def _read(run: ForecastRun, file: FieldFile) -> dict[str, np.ndarray]:
    if not file:
        return {}
    try:
        return from_parquet(file)
    except (OSError, ValueError):  # gone, or cut short: pyarrow's errors are one of these
        raise ResultMissing(run.pk) from None


def as_lists(columns: Mapping[str, np.ndarray]) -> dict[str, list[float | None]]:
    """For JSON, which has no word for NaN and infinities: they become None."""
    return {
        name: [value if math.isfinite(value) else None for value in values.tolist()] for name, values in columns.items()
    }


def as_csv(columns: Mapping[str, np.ndarray]) -> str:
    """A header and a line a row; NaN and infinities are left empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(name) for name in columns])
    writer.writerows(zip(*as_lists(columns).values(), strict=True))
    return out.getvalue()


def state_column(estimator: Estimator, states: Sequence[str]) -> str | None:
    """The column of the first state that bears one of these names."""
    names = estimator.progress.state_names
    return next((column for name, column in zip(names, columns_of(names), strict=True) if name in states), None)
