"""Ask for a forecast: recorded, queued, and made by a worker (making.py)."""

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from datahub.models import Battery
from jobs.queue import enqueue
from prognosis.errors import BatteryNotServed
from prognosis.forecasting.load import Load
from prognosis.models import Forecaster, ForecastRun
from prognosis.queries import check_can_run, forecaster_of


def request_run(
    battery: Battery, load: Load, requested_by: Any = None, *, forecaster: Forecaster | None = None
) -> ForecastRun:
    """Records that a forecast is wanted and queues it. `forecaster` pins a version; otherwise the current one makes it.

    Raises NoForecaster, ForecasterFailed, BatteryNotServed.
    """
    version = forecaster or forecaster_of(battery.name)
    check_can_run(version)
    if forecaster is not None and battery.name not in forecaster.battery_names:
        raise BatteryNotServed(str(forecaster), battery.name, forecaster.battery_names)
    with transaction.atomic():
        run = ForecastRun(
            battery=battery,
            forecaster=version,
            is_pinned=forecaster is not None,
            load=load.description(),
            requested_by=requested_by,
        )
        if load.csv:
            run.profile.save("profile.csv", ContentFile(load.csv.encode()), save=False)
        run.save()
        run.job = enqueue(
            "run_forecast",
            subject=f"prognosis.forecastrun:{run.pk}",
            title=f"Forecast {run.pk} for {battery.name}"[:300],
            arguments={"run_id": run.pk},
            requested_by=requested_by,
            max_tries=2,
        )
        run.save(update_fields=["job"])
    return run


def run_again(run: ForecastRun, requested_by: Any = None) -> ForecastRun:
    """A new run under the same load, from the newest estimates."""
    return request_run(run.battery, load_of(run), requested_by, forecaster=run.forecaster if run.is_pinned else None)


def load_of(run: ForecastRun) -> Load:
    profile = ""
    if run.profile:
        with run.profile.open("rb") as file:
            profile = file.read().decode()
    return Load.from_description(run.load, profile)
