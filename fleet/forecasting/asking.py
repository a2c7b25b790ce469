"""Asking for forecasts that are kept: of one asset, of some, of the whole fleet; one job makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fleet import ports
from fleet.errors import NoHistory, NoSuchModel
from fleet.forecasting.names import BUILT_IN, SEASONAL
from fleet.models import Asset
from fleet.queries import asset_numbered, known_span, present_end
from jobs.models import Job
from jobs.queue import enqueue

DAY = 96
LONGEST = 31 * DAY
KIND = "forecast_energy"


@dataclass(frozen=True)
class Asked:
    """`start`: of the first quarter, s; None: what follows the newest reading of all. `number`: of one asset alone."""

    model: str = SEASONAL
    start: int | None = None
    quarters: int = DAY
    number: int | None = None


def request_forecasts(asked: Asked, by: Any) -> Job:
    """Queues the job. Raises NoSuchModel, NoSuchAsset, NoHistory."""
    scripts = ports.forecasters.names() if ports.forecasters else []
    if asked.model not in BUILT_IN and asked.model not in scripts:
        raise NoSuchModel(asked.model, [*BUILT_IN, *scripts])
    asset = None if asked.number is None else asset_numbered(asked.number)
    start = asked.start if asked.start is not None else next_start(asset)
    days = asked.quarters / DAY
    what = "all assets" if asset is None else str(asset)
    return enqueue(
        KIND,
        subject="" if asset is None else f"asset:{asset.pk}",
        title=f"Forecast the energy of {what}, {days:g} {'day' if days == 1 else 'days'} ahead",
        arguments={
            "model": asked.model,
            "start": start,
            "quarters": asked.quarters,
            "asset_id": None if asset is None else asset.pk,
        },
        requested_by=by,
    )


def next_start(asset: Asset | None) -> int:
    """Where the last quarter that is known ends, s; of all assets no later than now. Raises NoHistory."""
    span = known_span(asset)
    if span is None:
        raise NoHistory
    return present_end(asset, span)
