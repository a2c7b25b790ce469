"""Questions about forecasters and forecasts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from datahub.models import Battery
from prognosis.errors import ForecasterFailed, NoForecaster
from prognosis.models import Forecaster, ForecasterState, ForecastRun
from prognosis.storage import from_parquet

if TYPE_CHECKING:
    import numpy as np


def forecaster_of(battery_name: str) -> Forecaster:
    """The version that forecasts for a battery of that name; raises NoForecaster.

    The current one, whichever name it has; where none could be loaded yet, the newest, whatever its state.
    """
    serving = _serving(battery_name)
    found = serving.filter(is_current=True).first() or serving.first()
    if found is None:
        raise NoForecaster(battery_name)
    return found


def check_can_run(forecaster: Forecaster) -> None:
    """Raises ForecasterFailed for one that could not be loaded."""
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
    """The columns of load and forecast; empty where there is no result."""
    return from_parquet(run.result_file) if run.result_file else {}


def history_used_by(run: ForecastRun) -> dict[str, np.ndarray]:
    """The columns that the script was given as past estimates; empty where it did not come so far."""
    return from_parquet(run.history_file) if run.history_file else {}


def load_used_by(run: ForecastRun) -> dict[str, np.ndarray]:
    return from_parquet(run.load_file) if run.load_file else {}


def as_lists(columns: Mapping[str, np.ndarray]) -> dict[str, list[float | None]]:
    """For JSON, which has no word for NaN and infinities: they become None."""
    return {
        name: [value if math.isfinite(value) else None for value in values.tolist()] for name, values in columns.items()
    }


def as_csv(columns: Mapping[str, np.ndarray]) -> str:
    """A header and a line a row; NaN and infinities are left empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(zip(*as_lists(columns).values(), strict=True))
    return out.getvalue()
