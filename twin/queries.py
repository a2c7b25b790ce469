"""Questions about estimators and what they have estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, ExpressionWrapper, F, IntegerField, Manager, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Greatest

from datahub.models import Battery
from twin import tables
from twin.models import Estimator, EstimatorProgress
from twin.states import Stored

if TYPE_CHECKING:
    import numpy as np

MOST_ESTIMATES_AT_ONCE = 100_000
ROWS_OF_A_CHART = 100_000  # above this every so many-th row is looked at


@dataclass(frozen=True)
class EstimateBlock:
    """Estimates in order of (test_time, row id); unknown is NaN. `covariances` are upper triangles, row by row."""

    state_names: list[str]
    row_ids: np.ndarray  # (k,)
    test_time: np.ndarray  # (k,) s
    means: np.ndarray  # (k, n)
    covariances: np.ndarray  # (k, n(n+1)/2)
    predicted_voltage: np.ndarray  # (k,) V
    innovation: np.ndarray  # (k,) V, measured less predicted
    innovation_variance: np.ndarray  # (k,) V²
    computed: np.ndarray  # (k,) Unix time, s

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def end(self) -> tuple[float, int] | None:
        """The place after which the next ones come."""
        return (float(self.test_time[-1]), int(self.row_ids[-1])) if len(self) else None

    @property
    def columns(self) -> list[str]:
        """The states as columns are named, such as q_t__base_values."""
        return tables.columns_of(self.state_names)

    @property
    def standard_deviations(self) -> np.ndarray:
        """(k, n)"""
        import numpy as np  # noqa: PLC0415  (a web process boots without it)

        diagonal = [packed_place(state, state, len(self.state_names)) for state in range(len(self.state_names))]
        deviations: np.ndarray = np.sqrt(np.maximum(self.covariances[:, diagonal], 0.0))
        return deviations

    @property
    def nis(self) -> np.ndarray:
        """Squared innovation over its variance; about 1 on average while estimator and battery agree."""
        nis: np.ndarray = self.innovation**2 / self.innovation_variance
        return nis


# --- estimators ----------------------------------------------------------------------------------------------------
def current_estimator(battery: Battery) -> Estimator | None:
    return with_all_it_takes().filter(battery=battery, is_current=True).first()


def with_all_it_takes() -> QuerySet[Estimator]:
    """Estimators from which a condition can be told without another query."""
    unread = ("checkpoint", "evidence")
    return Estimator.objects.select_related("battery", "progress", "recomputation").defer(
        "battery__metadata", *(f"{track}__{name}" for track in ("progress", "recomputation") for name in unread)
    )


def batteries_with_estimator() -> set[int]:
    return set(Estimator.objects.order_by().values_list("battery_id", flat=True).distinct())


def shown_estimators() -> QuerySet[Estimator]:
    """One a battery: the current version, or the newest where none has come so far."""
    return current_or_newest(with_all_it_takes())


def current_or_newest(estimators: Manager[Estimator] | QuerySet[Estimator]) -> QuerySet[Estimator]:
    others = Estimator.objects.filter(battery=OuterRef("battery"))
    newer = others.filter(version__gt=OuterRef("version"))
    return estimators.filter(Q(is_current=True) | (~Exists(others.filter(is_current=True)) & ~Exists(newer)))


def estimators_by_state() -> list[tuple[str, str, int]]:
    """(kind, state, how many)"""
    return list(Estimator.objects.order_by().values_list("kind", "state").annotate(Count("id")))


@dataclass(frozen=True)
class Trust:
    """Of all estimators: those that are inconsistent or stale, and the estimates they have made."""

    inconsistent: int
    stale: int
    estimates: int


def trust_counts() -> Trust:
    found = EstimatorProgress.objects.aggregate(
        inconsistent=Count("pk", filter=Q(is_inconsistent=True)),
        stale=Count("pk", filter=Q(late_from__isnull=False)),
        estimates=Coalesce(Sum("rows_stepped"), 0),
    )
    return Trust(**found)


def rows_behind_by_shard() -> list[tuple[int, int]]:
    """(shard, rows that wait to be estimated) for the shards that have estimators at work."""
    shard = ExpressionWrapper(F("estimator__battery_id") % settings.SHARDS, output_field=IntegerField())
    at_work = Q(estimator__is_current=True) | Q(estimator__followed=True)
    found = EstimatorProgress.objects.filter(at_work).exclude(estimator__state=Stored.FAILED)
    behind = Sum(Greatest(F("estimator__battery__rows") - F("rows_seen"), 0))
    return list(found.order_by().annotate(shard=shard).values_list("shard").annotate(behind=behind).order_by("shard"))


def newest_mean(estimator: Estimator) -> list[float] | None:
    return floats_of(estimator.progress.mean)


def newest_covariance(estimator: Estimator) -> list[list[float]] | None:
    """The full matrix."""
    packed = floats_of(estimator.progress.covariance)
    return None if packed is None else unpacked(packed, len(estimator.progress.state_names))


def floats_of(stored: bytes | memoryview | None) -> list[float] | None:
    return None if stored is None else list(memoryview(bytes(stored)).cast("d"))


def unpacked(packed: Sequence[float], states: int) -> list[list[float]]:
    """The full matrix of an upper triangle.

    >>> unpacked([1.0, 2.0, 3.0], 2)
    [[1.0, 2.0], [2.0, 3.0]]
    """
    return [[packed[place] for place in row] for row in _places(states)]


@lru_cache(maxsize=64)
def _places(states: int) -> list[list[int]]:
    return [[packed_place(row, column, states) for column in range(states)] for row in range(states)]


def packed_place(row: int, column: int, states: int) -> int:
    """Where an element of the matrix stands in its upper triangle.

    >>> [packed_place(row, column, 3) for row in range(3) for column in range(3)]
    [0, 1, 2, 1, 3, 4, 2, 4, 5]
    """
    row, column = min(row, column), max(row, column)
    return row * states - row * (row - 1) // 2 + column - row


# --- estimates -----------------------------------------------------------------------------------------------------
def estimates(
    estimator: Estimator,
    *,
    start: float | None = None,
    end: float | None = None,
    after_row: int = 0,
    after: tuple[float, int] | None = None,
    limit: int = MOST_ESTIMATES_AT_ONCE,
    points: int | None = None,
) -> EstimateBlock:
    """Estimates with `start <= test_time < end`; with `points`, about so many of them.

    Only those that come after the estimate of row `after_row`, or after the place `after` of (test_time, row id). With
    `points` they are chosen so that the shape of every state is kept (MinMaxLTTB); `limit` and the place then do not
    count. All of them are of one series: where late rows have it replaced meanwhile, they are read once more.
    """
    names = estimator.progress.state_names
    if not names:
        return _block([], [])
    while True:
        series = series_of(estimator)
        if points is None:
            place = after or (tables.place_of(connection, estimator.pk, after_row) if after_row else None)
            found = tables.select(connection, estimator.pk, names, start=start, end=end, after=place, limit=limit)
        else:
            found = _thinned(estimator.pk, names, start, end, points)
        if series_of(estimator) == series:
            return _block(names, found)


def series_of(estimator: Estimator) -> int | None:
    """Counts how often its estimates were replaced; None for one that was deleted."""
    return EstimatorProgress.objects.filter(pk=estimator.pk).values_list("series", flat=True).first()


def _thinned(
    estimator_id: int, names: Sequence[str], start: float | None, end: float | None, points: int
) -> list[tuple[Any, ...]]:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)
    from tsdownsample import MinMaxLTTBDownsampler  # noqa: PLC0415  (needs numpy)

    rows = tables.count(connection, estimator_id, start, end)
    if rows <= points:
        return tables.select(connection, estimator_id, names, start=start, end=end, after=None, limit=points)
    every = max(1, math.ceil(rows / ROWS_OF_A_CHART))
    found = tables.select_evenly(connection, estimator_id, names, start=start, end=end, every=every)
    if not found:
        return []
    table = np.array(found, dtype=np.float64)
    times = np.ascontiguousarray(table[:, 1])
    each = max(3, points // len(names))
    kept: set[int] = {0, len(found) - 1}
    thin: Any = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]  # the library has no types
    for state in range(len(names)):
        values = np.ascontiguousarray(table[:, 2 + state])
        if each < len(found):
            kept.update(thin.downsample(times, values, n_out=each).tolist())
    return tables.select_rows(connection, estimator_id, names, [found[place][0] for place in sorted(kept)])


def _block(names: list[str], rows: Sequence[Sequence[Any]]) -> EstimateBlock:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    states = len(names)
    columns = list(zip(*rows, strict=True)) if rows else [()] * (7 + states)
    covariance = columns[2 + states]
    packed = np.frombuffer(b"".join(bytes(each) for each in covariance), dtype="<f8")
    return EstimateBlock(
        names,
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.float64),
        np.array(columns[2 : 2 + states], dtype=np.float64).T.reshape(len(rows), states),
        packed.reshape(len(rows), states * (states + 1) // 2),
        *(np.array(column, dtype=np.float64) for column in columns[3 + states :]),
    )


def loss_with(battery: Battery) -> list[tuple[int, str, str]]:
    """What deleting the battery deletes of this room, as datahub.losses tells it."""
    found = Estimator.objects.filter(battery=battery).aggregate(made=Count("pk"), rows=Sum("progress__rows_stepped"))
    return [(found["made"], "estimator", "estimators"), (found["rows"] or 0, "health estimate", "health estimates")]
