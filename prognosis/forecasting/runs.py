"""Ask for a forecast: recorded, queued, and made by a worker (making.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction

from datahub.models import Battery
from jobs.queue import enqueue
from prognosis.errors import BatteryNotServed, NoForecaster, RunGoesOn
from prognosis.forecasting.load import Load
from prognosis.models import Forecaster, ForecastRun
from prognosis.queries import check_can_run, current_forecaster, forecaster_of
from prognosis.states import ForecasterKind
from prognosis.validators import check_as_of, check_kind, check_options, check_threshold


@dataclass(frozen=True)
class Way:
    """How a forecast is made. `forecaster` pins a version; `kind` names a built-in one; with neither, its own one.

    `threshold` is the SOH, 0 to 1, whose crossing is told; None is the setting's. `as_of`, s of test_time: it is made
    of nothing newer, as if asked for then.
    """

    forecaster: Forecaster | None = None
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    threshold: float | None = None
    as_of: float | None = None


def request_run(
    battery: Battery,
    load: Load,
    requested_by: Any = None,
    *,
    forecaster: Forecaster | None = None,
    way: Way | None = None,
) -> ForecastRun:
    """Records that a forecast is wanted and queues it. `forecaster` is short for a way that pins this version.

    Raises NoForecaster, ForecasterDisabled, ForecasterFailed, BatteryNotServed, OptionRefused.
    """
    run = new_run(battery, load, requested_by, way or Way(forecaster))
    with transaction.atomic():
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


def new_run(battery: Battery, load: Load, requested_by: Any, way: Way) -> ForecastRun:
    """A run that is not stored yet; raises as `request_run`."""
    run = ForecastRun(
        battery=battery,
        is_pinned=way.forecaster is not None,
        load=load.description(),
        threshold=check_threshold(settings.END_OF_LIFE_SOH if way.threshold is None else way.threshold),
        as_of=check_as_of(way.as_of),
        last_test_time=battery.last_test_time,
        requested_by=requested_by,
    )
    if way.kind and way.kind != ForecasterKind.SCRIPT and way.forecaster is None:
        run.kind, run.options = check_kind(way.kind), check_options(way.kind, way.options)
        return run
    version = way.forecaster or forecaster_of(battery.name)
    if way.kind == ForecasterKind.SCRIPT and not version.is_script:
        raise NoForecaster(battery.name)
    check_can_run(version)
    if way.forecaster is not None and battery.name not in version.battery_names:
        raise BatteryNotServed(str(version), battery.name, version.battery_names)
    run.forecaster, run.kind, run.options = version, version.kind, version.options
    return run


def usual_way(battery: Battery, **values: Any) -> Way:
    """The battery's standing forecaster, or where it has none the best built-in one."""
    has_own = current_forecaster(battery.name) is not None
    return Way(kind="" if has_own else ForecasterKind.AUTO, **values)


def kind_of(battery: Battery, way: Way) -> str:
    """Of what will make it, as `new_run` chooses."""
    if way.forecaster is None and way.kind:
        return way.kind
    version = way.forecaster or current_forecaster(battery.name)
    return version.kind if version else ForecasterKind.SCRIPT


def run_again(run: ForecastRun, requested_by: Any = None) -> ForecastRun:
    """A new run under the same load, from the newest estimates."""
    return request_run(run.battery, load_of(run), requested_by, way=way_of(run))


def way_of(run: ForecastRun) -> Way:
    """How to make it once more; raises NoForecaster where its forecaster has been deleted."""
    is_standing = run.kind == ForecasterKind.SCRIPT or run.forecaster_id is not None
    return Way(
        forecaster=run.forecaster if run.is_pinned else None,
        kind="" if is_standing else run.kind,
        options={} if is_standing else run.options,
        threshold=run.threshold,
    )


def load_of(run: ForecastRun) -> Load:
    profile = ""
    if run.profile:
        with run.profile.open("rb") as file:
            profile = file.read().decode()
    return Load.from_description(run.whole_load, profile)


def delete_run(run: ForecastRun) -> None:
    """With its files and scores. Raises RunGoesOn while a worker makes it."""
    if not run.has_ended:
        raise RunGoesOn(run.pk, run.state_now)
    run.delete()
