"""What workers do for this room."""

from __future__ import annotations

from typing import Any

from jobs.registry import duty, job
from jobs.running.report import Report


@duty("energy of batteries")
def account_for_batteries() -> bool:
    from fleet.accounting.telemetry import account_now_and_then  # noqa: PLC0415  (numpy; a web process boots without)

    return account_now_and_then()


@duty("scores of energy forecasts")
def score_energy_forecasts() -> bool:
    from fleet.forecasting.scoring import score_some  # noqa: PLC0415  (as above)

    return score_some()


@job("forecast_energy", title="Forecast energy")
def forecast_energy(report: Report, model: str, start: int, quarters: int, asset_id: int | None) -> dict[str, Any]:
    from fleet.forecasting.making import Ahead, make_forecasts  # noqa: PLC0415  (as above)

    return make_forecasts(report, model, Ahead(start, quarters), asset_id)
