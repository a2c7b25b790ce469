"""Forecasters by score: how far off, how honest their bands, and whether better than saying that nothing changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet, Sum

from datahub.models import Battery
from prognosis.models import Forecaster, ForecastRun, ForecastScore
from prognosis.scoring.horizons import EDGES_S, WORDS
from prognosis.states import ForecasterKind

SUMS = (
    "points", "sum_error", "sum_absolute", "sum_squared", "sum_absolute_of_last_value", "banded", "inside_50",
    "inside_90", "sum_pinball",
)  # fmt: skip


@dataclass
class Score:
    """Of SOH, as shares of 1; errors are truth less forecast, so that above 0 the battery did better."""

    forecaster: str
    kind: str
    horizon: int | None = None  # None: all
    forecasts: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))

    def add(self, forecasts: int, sums: dict[str, Any]) -> None:
        self.forecasts += forecasts
        for name in SUMS:
            self.sums[name] += sums[name] or 0

    @property
    def horizon_words(self) -> str:
        return "any" if self.horizon is None else WORDS[self.horizon]

    @property
    def from_seconds(self) -> float:
        return EDGES_S[self.horizon or 0]

    @property
    def to_seconds(self) -> float | None:
        end = math.inf if self.horizon is None else EDGES_S[self.horizon + 1]
        return None if math.isinf(end) else end

    @property
    def points(self) -> int:
        return int(self.sums["points"])

    @property
    def banded(self) -> int:
        """Points that have a band."""
        return int(self.sums["banded"])

    @property
    def absolute_error(self) -> float | None:
        return self._mean("sum_absolute")

    @property
    def bias(self) -> float | None:
        return self._mean("sum_error")

    @property
    def rms_error(self) -> float | None:
        squared = self._mean("sum_squared")
        return None if squared is None else math.sqrt(max(squared, 0.0))

    @property
    def skill(self) -> float | None:
        """1 is perfect, 0 as good as the last value, below 0 worse."""
        last = self.sums["sum_absolute_of_last_value"]
        return 1.0 - self.sums["sum_absolute"] / last if last > 0 else None

    @property
    def inside_50(self) -> float | None:
        return self._mean("inside_50", "banded")

    @property
    def inside_90(self) -> float | None:
        return self._mean("inside_90", "banded")

    @property
    def pinball(self) -> float | None:
        return self._mean("sum_pinball", "banded")

    def _mean(self, name: str, of: str = "points") -> float | None:
        return self.sums[name] / self.sums[of] if self.sums[of] else None


def scores_of_forecasters(battery: Battery | None = None, horizon: int | None = None) -> list[Score]:
    """The best first, by pinball loss; those without a band after them, by mean error. One query."""
    found = _of(battery, horizon)
    grouped: dict[tuple[str, str], Score] = {}
    for row in _summed(found, "run__kind", "run__forecaster_name", "run__forecaster_version"):
        score = grouped.setdefault(_named(row), Score(*_named(row), horizon))
        score.add(row["runs"], row)
    return sorted(grouped.values(), key=_rank)


def scores_by_horizon(battery: Battery | None = None) -> list[Score]:
    """The same for each range of horizons, nearest first, in each the best first."""
    grouped: dict[tuple[str, str, int], Score] = {}
    for row in _summed(_of(battery, None), "run__kind", "run__forecaster_name", "run__forecaster_version", "horizon"):
        name, kind = _named(row)
        score = grouped.setdefault((name, kind, row["horizon"]), Score(name, kind, row["horizon"]))
        score.add(row["runs"], row)
    return sorted(grouped.values(), key=lambda score: (score.horizon or 0, *_rank(score)))


def scores_of_version(forecaster: Forecaster) -> list[Score]:
    """Of all forecasts that a version made, by horizon, nearest first; one query."""
    found = ForecastScore.objects.filter(run__forecaster=forecaster).order_by()
    told = []
    for row in _summed(found, "horizon"):
        score = Score(str(forecaster), forecaster.kind, row["horizon"])
        score.add(row["runs"], row)
        told.append(score)
    return sorted(told, key=lambda score: score.horizon or 0)


def scores_of_run(run: ForecastRun) -> list[Score]:
    """Of one forecast by horizon, nearest first."""
    told = []
    for row in run.scores.order_by("horizon"):
        score = Score(run.made_with, run.kind, row.horizon)
        score.add(1, {name: getattr(row, name) for name in SUMS})
        told.append(score)
    return told


def total_of(scores: Iterable[Score]) -> Score | None:
    """Of one forecast over all horizons."""
    total: Score | None = None
    for score in scores:
        total = total or Score(score.forecaster, score.kind)
        total.add(0, score.sums)
        total.forecasts = 1
    return total


def totals_of_runs(runs: Sequence[ForecastRun]) -> dict[int, Score]:
    """Of each forecast over all horizons, by its id; those without a score are left out. One query."""
    by_id = {run.pk: run for run in runs}
    told = {}
    for row in _summed(ForecastScore.objects.filter(run__in=by_id).order_by(), "run"):
        run = by_id[row["run"]]
        told[run.pk] = Score(run.made_with, run.kind)
        told[run.pk].add(1, row)
    return told


def _of(battery: Battery | None, horizon: int | None) -> QuerySet[ForecastScore]:
    found = ForecastScore.objects.filter(run__comparison=None).order_by()
    if battery is not None:
        found = found.filter(run__battery=battery)
    return found if horizon is None else found.filter(horizon=horizon)


def _summed(found: QuerySet[ForecastScore], *by: str) -> Iterable[dict[str, Any]]:
    sums = {name: Sum(name) for name in SUMS}
    rows: Iterable[dict[str, Any]] = found.values(*by).annotate(runs=Count("run", distinct=True), **sums)
    return rows


def _named(row: dict[str, Any]) -> tuple[str, str]:
    """What is told apart: versions of scripts, and built-in kinds whoever stands behind them."""
    if row["run__kind"] != ForecasterKind.SCRIPT:
        return row["run__kind"], row["run__kind"]
    return f"{row['run__forecaster_name']} v{row['run__forecaster_version']}", row["run__kind"]


def _rank(score: Score) -> tuple[bool, float]:
    loss = score.pinball
    return loss is None, loss if loss is not None else (score.absolute_error or 0.0)
