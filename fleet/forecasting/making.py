"""What the job does: reads the quarters of many assets, foretells them together, keeps what it finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from energykit.quarters import QUARTER_SECONDS
from energykit.quarters.linear import LEAST_QUARTERS
from fleet import ports, tables
from fleet.forecasting.foretold import Foretold, back_tested, best_of, foretell, the_best
from fleet.forecasting.names import AUTO, BUILT_IN
from fleet.models import Asset, EnergyForecast, EnergyScore
from jobs.running.report import Report

Matrix = NDArray[np.float64]

HISTORY = 28 * 96  # quarters
ASSETS_AT_ONCE = 256
REASONS_KEPT = 20


@dataclass(frozen=True)
class Ahead:
    """The quarters that are foretold: how many from `start` (s) on."""

    start: int
    quarters: int

    @property
    def first(self) -> int:
        """Of the history, in quarters since 1970."""
        return self.start // QUARTER_SECONDS - HISTORY


def make_forecasts(report: Report, model: str, ahead: Ahead, asset_id: int | None) -> dict[str, Any]:
    """Forecasts of all assets with a day of history, and of their sum where more than one is asked for."""
    chosen = Asset.objects.all() if asset_id is None else Asset.objects.filter(pk=asset_id)
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    together = _Together(ahead.quarters)
    made, short, failed = 0, 0, []
    for done, some in _portions(ids):
        report.progress(done / len(ids), f"{done:,} of {len(ids):,} assets")
        observed = quarters_of(some, ahead.first, HISTORY)
        enough = np.isfinite(observed).sum(axis=1) >= LEAST_QUARTERS
        short += int((~enough).sum())
        able = [pk for pk, is_able in zip(some, enough.tolist(), strict=True) if is_able]
        if not able:
            continue
        observed = observed[enough]
        together.add(observed)
        if model in BUILT_IN:
            found = _foretold(model, observed, ahead, able)
        else:
            able, observed, found, why = _by_script(model, able, observed, ahead)
            failed += why
        _keep(able, found, ahead)
        made += len(able)
    if asset_id is None and made:
        _keep(
            [None],
            foretell(model if model in BUILT_IN else AUTO, together.observed(), ahead.first, ahead.quarters),
            ahead,
        )
    for reason in failed[:REASONS_KEPT]:
        report.log(reason)
    return {"forecasts": made, "with too little history": short, "failed": len(failed), "start": ahead.start}


def _portions(ids: list[int]) -> Iterator[tuple[int, list[int]]]:
    for first in range(0, len(ids), ASSETS_AT_ONCE):
        yield first, ids[first : first + ASSETS_AT_ONCE]


def quarters_of(ids: list[int], first: int, count: int) -> Matrix:
    """(assets, count) kWh of whole quarters, from quarter `first` (since 1970) on; NaN where nothing is known.

    A quarter that is covered in part counts as if the rest of it had been like that part.
    """
    observed = np.full((len(ids), count), np.nan)
    asset, start, energy, covered = tables.quarter_arrays(
        connection, ids, first * QUARTER_SECONDS, (first + count) * QUARTER_SECONDS
    )
    places = np.searchsorted(np.array(ids), asset)
    observed[places, start // QUARTER_SECONDS - first] = energy * (QUARTER_SECONDS * 1e6 / covered)
    return observed


class _Together:
    """The sum of many assets by quarter, those that are missing in it taken as their own mean."""

    def __init__(self, ahead: int) -> None:
        self._sum = np.zeros(HISTORY)
        self._known = np.zeros(HISTORY)
        self._whole = 0.0

    def add(self, observed: Matrix) -> None:
        there = np.isfinite(observed)
        mean = np.nanmean(observed, axis=1)
        self._sum += np.where(there, observed, mean[:, None]).sum(axis=0)
        self._known += there.T.astype(float) @ mean
        self._whole += float(mean.sum())

    def observed(self) -> Matrix:
        """(1, HISTORY); NaN where assets that make up half of it are not known."""
        return np.where(self._known >= self._whole / 2, self._sum, np.nan)[None]


def _foretold(model: str, observed: Matrix, ahead: Ahead, ids: list[int]) -> Foretold:
    if model != AUTO:
        return foretell(model, observed, ahead.first, ahead.quarters)
    errors = back_tested(observed, ahead.first, ahead.quarters)
    _keep_scores(ids, errors, ahead)
    return the_best(best_of(errors), observed, ahead.first, ahead.quarters)


def _keep_scores(ids: list[int], errors: dict[str, Matrix], ahead: Ahead) -> None:
    scores = [
        EnergyScore(asset_id=pk, model=name, scores={"quarter_error_kwh": error, "quarters_ahead": ahead.quarters})
        for name, column in errors.items()
        for pk, error in zip(ids, column.tolist(), strict=True)
        if math.isfinite(error)
    ]
    EnergyScore.objects.bulk_create(
        scores,
        update_conflicts=True,
        unique_fields=["asset", "model"],
        update_fields=["scores", "tested"],
        batch_size=500,
    )


def _keep(ids: list[int] | list[None], found: Foretold, ahead: Ahead) -> None:
    has_band = np.isfinite(np.sum(found.low, axis=1))
    forecasts = [
        EnergyForecast(
            asset_id=pk,
            model=found.model[row],
            made_from=ahead.start,
            start=ahead.start,
            quarters=ahead.quarters,
            expected=found.expected[row].tobytes(),
            low=found.low[row].tobytes() if has_band[row] else None,
            high=found.high[row].tobytes() if has_band[row] else None,
            total=float(found.total[row]),
            total_low=float(found.total_low[row]) if has_band[row] else None,
            total_high=float(found.total_high[row]) if has_band[row] else None,
        )
        for row, pk in enumerate(ids)
    ]
    with transaction.atomic():
        EnergyForecast.objects.bulk_create(forecasts, batch_size=500)


def _by_script(
    model: str, ids: list[int], observed: Matrix, ahead: Ahead
) -> tuple[list[int], Matrix, Foretold, list[str]]:
    """One call of the script an asset; those that it fails with are left out, and why."""
    assert ports.forecasters is not None
    start = (ahead.first + np.arange(HISTORY)) * QUARTER_SECONDS
    future = (ahead.start + np.arange(ahead.quarters) * QUARTER_SECONDS).astype(float)
    able, kept, expected, low, high, failed = [], [], [], [], [], []
    for pk, series in zip(ids, observed, strict=True):
        there = np.isfinite(series)
        try:
            columns = ports.forecasters.foretell(model, start[there].astype(float), series[there], future)
            expected.append(_column(columns, "energy", ahead.quarters))
            low.append(_column(columns, "energy_lower", ahead.quarters, needed=False))
            high.append(_column(columns, "energy_upper", ahead.quarters, needed=False))
        except ports.ForetellingFailed as told:
            failed.append(f"Asset {pk}: {told}")
            continue
        able.append(pk)
        kept.append(series)
    shape = (len(able), ahead.quarters)
    means = np.array(expected).reshape(shape)
    none = np.full(len(able), np.nan)
    found = Foretold(
        [model[:40]] * len(able), means, np.array(low).reshape(shape), np.array(high).reshape(shape),
        means.sum(axis=1), none, none,
    )  # fmt: skip
    return able, np.array(kept), found, failed


def _column(columns: dict[str, Matrix], name: str, count: int, *, needed: bool = True) -> Matrix:
    if name not in columns:
        if not needed:
            return np.full(count, np.nan)
        raise ports.ForetellingFailed(f"It answered no column '{name}', but {', '.join(columns) or 'none'}.")
    values = np.asarray(columns[name], dtype=float)
    if values.shape != (count,) or (needed and not np.isfinite(values).all()):
        raise ports.ForetellingFailed(f"'{name}' must hold {count} finite numbers, one a quarter.")
    return values
