"""Forecasts held against what happened, once it has."""

from __future__ import annotations

import numpy as np
from django.db.models import F, Q
from django.utils import timezone

from energykit.quarters import MICROSECONDS, QUARTER_SECONDS
from fleet.forecasting.making import quarters_of
from fleet.models import EnergyForecast
from fleet.queries import newest_reading

AT_ONCE = 200


def score_some() -> bool:
    """Whether some forecast was scored: one whose asset has readings from after its last quarter."""
    ended = (F("start") + F("quarters") * QUARTER_SECONDS) * MICROSECONDS
    waiting = EnergyForecast.objects.filter(scored=None).filter(Q(asset__last_time__gte=ended))
    found = list(waiting.order_by("pk")[:AT_ONCE])
    for forecast in found:
        truth = quarters_of([forecast.asset_id or 0], forecast.start // QUARTER_SECONDS, forecast.quarters)[0]
        forecast.scores = score_of(forecast, truth)
        forecast.scored = timezone.now()
    EnergyForecast.objects.bulk_update(found, ["scores", "scored"], batch_size=100)
    return bool(found) or _score_of_fleet()


def _score_of_fleet() -> bool:
    newest = newest_reading()
    ended = (F("start") + F("quarters") * QUARTER_SECONDS) * MICROSECONDS
    waiting = EnergyForecast.objects.filter(scored=None, asset=None).annotate(ended=ended)
    forecast = waiting.filter(ended__lte=newest).order_by("pk").first() if newest is not None else None
    if forecast is None:
        return False
    forecast.scores = score_of(forecast, whole_fleet(forecast))
    forecast.scored = timezone.now()
    forecast.save(update_fields=["scores", "scored"])
    return True


def whole_fleet(forecast: EnergyForecast) -> np.ndarray:
    """(quarters,) kWh of all assets together in the forecast's window; NaN where none is known."""
    from django.db import connection  # noqa: PLC0415

    from fleet import tables  # noqa: PLC0415

    end = forecast.start + forecast.quarters * QUARTER_SECONDS
    truth = np.full(forecast.quarters, np.nan)
    for start, _, energy, *_ in tables.fleet_sums(connection, tables.QUARTERS, forecast.start, end):
        place = (start - forecast.start) // QUARTER_SECONDS
        truth[place] = energy if np.isnan(truth[place]) else truth[place] + energy
    return truth


def score_of(forecast: EnergyForecast, truth: np.ndarray) -> dict[str, float | int | None]:
    """Of the known quarters: mean absolute error and bias (forecast less truth), kWh, and the share inside the band."""
    known = np.isfinite(truth)
    count = int(known.sum())
    if not count:
        return {"quarters": 0}
    error = forecast.values("expected")[known] - truth[known]
    inside = None
    if forecast.low is not None and forecast.high is not None:
        low, high = forecast.values("low")[known], forecast.values("high")[known]
        inside = float(np.mean((truth[known] >= low) & (truth[known] <= high)))
    return {
        "quarters": count,
        "mean_absolute_error_kwh": float(np.abs(error).mean()),
        "bias_kwh": float(error.mean()),
        "actual_kwh": float(truth[known].sum()),
        "expected_kwh": float(forecast.values("expected")[known].sum()),
        "inside_band": inside,
    }
