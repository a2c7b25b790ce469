"""Forecasts held against what happened, once it has."""

from __future__ import annotations

import numpy as np
from django.db import connection
from django.db.models import F
from django.utils import timezone

from energykit.quarters import MICROSECONDS, QUARTER_SECONDS
from fleet import tables
from fleet.forecasting.making import quarters_of
from fleet.models import EnergyForecast
from fleet.queries import newest_reading

AT_ONCE = 200
END = (F("start") + F("quarters") * QUARTER_SECONDS) * MICROSECONDS


def score_some() -> bool:
    """Whether some forecast was scored: one whose asset, or any where it is of all, has readings from after its end."""
    waiting = EnergyForecast.objects.filter(scored=None).annotate(end=END).order_by("pk")
    found = list(waiting.filter(asset__last_time__gte=F("end"))[:AT_ONCE])
    newest = None if found else newest_reading()
    if newest is not None:
        found = list(waiting.filter(asset=None, end__lte=newest)[:1])
    for forecast in found:
        forecast.scores = score_of(forecast, _truth_of(forecast))
        forecast.scored = timezone.now()
    EnergyForecast.objects.bulk_update(found, ["scores", "scored"], batch_size=100)
    return bool(found)


def _truth_of(forecast: EnergyForecast) -> np.ndarray:
    """(quarters,) kWh in the forecast's window, of its asset or of all together; NaN where none is known."""
    first = forecast.start // QUARTER_SECONDS
    if forecast.asset_id is not None:
        return quarters_of([forecast.asset_id], first, forecast.quarters)[0]
    truth = np.full(forecast.quarters, np.nan)
    end = forecast.start + forecast.quarters * QUARTER_SECONDS
    for start, _, energy, *_ in tables.fleet_sums(connection, tables.QUARTERS, forecast.start, end):
        place = start // QUARTER_SECONDS - first
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
