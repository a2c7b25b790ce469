"""Estimates, cursor and checkpoint of many estimators in one transaction: all of it is there after a crash, or none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from twin import tables
from twin.errors import EstimatorFailed
from twin.estimation.lease import KEEP_SECONDS, this_process
from twin.models import Estimator, EstimatorProgress
from twin.states import Stored

log = logging.getLogger(__name__)

ROWS_OF_MEAN_NIS = 100


@dataclass
class Advance:
    """What one estimator made of the rows up to `cursor`; k of them gave an estimate, with n states each."""

    estimator: Estimator
    fence: int
    cursor: int
    rows_seen: int
    latest_time: float | None
    skipped: Counter[str]
    late_from: float | None
    checkpoint: bytes
    row_ids: np.ndarray  # (k,)
    times: np.ndarray  # (k,) s
    means: np.ndarray  # (k, n)
    covariances: np.ndarray  # (k, n(n+1)/2), the upper triangle row by row
    predicted_voltage: np.ndarray  # (k,) V, NaN where it is not known
    innovation: np.ndarray  # (k,) V, measured less predicted
    innovation_variance: np.ndarray  # (k,) V²
    seconds: float = 0.0  # that the stepping took
    failure: EstimatorFailed | None = None
    script_output: str = ""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        covariances = np.ascontiguousarray(self.covariances, dtype="<f8")
        columns = [self.row_ids.tolist(), self.times.tolist(), *np.asarray(self.means).T.tolist()]
        columns.append([row.tobytes() for row in covariances])
        columns += [_with_null(each) for each in (self.predicted_voltage, self.innovation, self.innovation_variance)]
        return zip(*columns, strict=True)


def commit(advances: Iterable[Advance]) -> list[Advance]:
    """Stores them and tells which were stored: not those that another process has claimed meanwhile."""
    with transaction.atomic():
        mine = _still_mine(advances)
        for advance in mine:
            if len(advance.row_ids):
                state_names = advance.estimator.progress.state_names
                tables.insert(connection, advance.estimator.pk, state_names, advance.rows())
            _move_on(advance)
    return mine


def _still_mine(advances: Iterable[Advance]) -> list[Advance]:
    by_id = {advance.estimator.pk: advance for advance in advances}
    fences = dict(
        EstimatorProgress.objects.select_for_update()
        .filter(pk__in=by_id, owner=this_process())
        .order_by("pk")
        .values_list("pk", "fence")
    )
    mine = [advance for pk, advance in by_id.items() if fences.get(pk) == advance.fence]
    for pk in by_id.keys() - {advance.estimator.pk for advance in mine}:
        log.warning("Estimator %s was taken over or deleted while it was stepped here; nothing of it is written.", pk)
    return mine


def _move_on(advance: Advance) -> None:
    progress, now = advance.estimator.progress, timezone.now()
    skipped = Counter(progress.rows_skipped) + advance.skipped
    late = [time for time in (progress.late_from, advance.late_from) if time is not None]
    changes: dict[str, Any] = {
        "cursor": advance.cursor,
        "rows_seen": progress.rows_seen + advance.rows_seen,
        "rows_stepped": progress.rows_stepped + len(advance.row_ids),
        "rows_skipped": dict(skipped),
        "late_from": min(late, default=None),
        "latest_time": advance.latest_time,
        "checkpoint": advance.checkpoint,
        "updated": now,
        "lease_until": now + timedelta(seconds=KEEP_SECONDS),
    }
    if len(advance.row_ids):
        changes |= _newest(advance, progress)
    EstimatorProgress.objects.filter(pk=advance.estimator.pk).update(**changes)
    if advance.failure is not None:
        record_failure(advance.estimator, advance.failure)
    elif advance.estimator.state != Stored.READY:
        Estimator.objects.filter(pk=advance.estimator.pk).update(state=Stored.READY)
    if advance.script_output and advance.script_output != advance.estimator.script_output:
        Estimator.objects.filter(pk=advance.estimator.pk).update(script_output=advance.script_output)


def _newest(advance: Advance, progress: EstimatorProgress) -> dict[str, Any]:
    mean = np.asarray(advance.means[-1], dtype="<f8")
    found = {
        "mean": mean.tobytes(),
        "covariance": np.asarray(advance.covariances[-1], dtype="<f8").tobytes(),
        "innovation": _with_null(advance.innovation[-1:])[0],
        "mean_nis": _mean_nis(progress.mean_nis, advance),
    }
    if advance.seconds > 0:
        found["steps_per_second"] = len(advance.row_ids) / advance.seconds
    if progress.reference_capacity is None:
        place = place_of_capacity(progress.state_names)
        found["reference_capacity"] = None if place is None else float(advance.means[0][place])
    return found


def place_of_capacity(state_names: Sequence[str]) -> int | None:
    """Which state is the capacity (Ah), by the name that Moirae and the built-in filter give it."""
    return next((place for place, name in enumerate(state_names) if name in ("q_t.base_values", "q_t")), None)


def _mean_nis(before: float | None, advance: Advance) -> float | None:
    """A running mean whose weights fall off over about 100 rows, the same however the rows were cut into chunks."""
    nis = advance.innovation**2 / advance.innovation_variance
    mean = before
    for each in nis[np.isfinite(nis)].tolist():
        mean = each if mean is None else mean + (each - mean) / ROWS_OF_MEAN_NIS
    return mean


def record_failure(estimator: Estimator, failure: EstimatorFailed) -> None:
    """Keeps why it stopped. What it has estimated stays, and so does the place from which a retry goes on."""
    Estimator.objects.filter(pk=estimator.pk).update(
        state=Stored.FAILED,
        last_error=failure.message,
        traceback=failure.traceback_text,
        error_line=failure.line,
        error_row=failure.row,
        script_output=failure.output or estimator.script_output,
    )


def _with_null(values: np.ndarray) -> list[float | None]:
    """Databases differ in what they make of NaN; NULL is the same in all."""
    finite = np.isfinite(values)
    return [value if known else None for value, known in zip(values.tolist(), finite.tolist(), strict=True)]
