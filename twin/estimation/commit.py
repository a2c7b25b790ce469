"""Estimates, cursor and checkpoint of many estimators in one transaction: all of it is there after a crash, or none."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from jobs.running.process import this_process
from twin import tables
from twin.errors import EstimatorFailed
from twin.estimation.claims import still_mine
from twin.estimation.judging import judge
from twin.estimation.keeping import checkpoint_to_keep
from twin.estimation.replacing import Replaced, replace_if_caught_up, stop_recomputation
from twin.estimation.work import Place
from twin.models import Checkpoint, Estimator, EstimatorProgress, Recomputation, Track
from twin.states import TAKEN_WITHOUT_ESTIMATE, Stored

log = logging.getLogger(__name__)

MOST_LIBRARY_CHANGES = 50


@dataclass
class Advance:
    """What one estimator made of the rows up to `place` of a track; k gave an estimate, with n states each."""

    estimator: Estimator
    track: EstimatorProgress | Recomputation
    fence: int
    place: Place
    latest_time: float | None
    latest_row: int
    skipped: Counter[str]
    late_from: float | None
    checkpoint: bytes
    row_ids: np.ndarray  # (k,)
    times: np.ndarray  # (k,) s
    currents: np.ndarray  # (k,) A, positive while charging
    means: np.ndarray  # (k, n)
    covariances: np.ndarray  # (k, n(n+1)/2), the upper triangle row by row
    predicted_voltage: np.ndarray  # (k,) V, NaN where it is not known
    innovation: np.ndarray  # (k,) V, measured less predicted
    innovation_variance: np.ndarray  # (k,) V²
    seconds: float = 0.0  # that the stepping took
    failure: EstimatorFailed | None = None
    script_output: str = ""
    evidence: bytes = b""  # of its errors up to `place`, beside the checkpoint; `judge` finds it
    libraries: Mapping[str, str] = field(default_factory=dict)  # name to version; empty: not told
    replaced: Replaced = Replaced.NOT_YET  # whether the second track took the place of the first; `commit` finds it

    @property
    def did_something(self) -> bool:
        return self.replaced is not Replaced.NOT_YET or self.place.position(self.track) != self.track.position

    def rows(self, computed: float) -> Iterator[tuple[Any, ...]]:
        """As the table takes them; `computed` is the Unix time now, s."""
        covariances = np.ascontiguousarray(self.covariances, dtype="<f8")
        columns = [self.row_ids.tolist(), self.times.tolist(), *np.asarray(self.means).T.tolist()]
        columns.append([row.tobytes() for row in covariances])
        columns += [_with_null(each) for each in (self.predicted_voltage, self.innovation, self.innovation_variance)]
        columns.append([computed] * len(self.row_ids))
        return zip(*columns, strict=True)


def commit(advances: Iterable[Advance]) -> list[Advance]:
    """Stores them and tells which were stored: not those that another process has claimed meanwhile."""
    advances = list(advances)
    findings = judge(advances)
    now = time.time()
    kept: list[Checkpoint] = []
    of_tracks: dict[type[Track], dict[int, dict[str, Any]]] = {EstimatorProgress: {}, Recomputation: {}}
    with transaction.atomic():
        mine = _still_mine(advances)
        for advance, finding in zip(advances, findings, strict=True):
            if advance.estimator.pk not in mine:
                continue
            if len(advance.row_ids):
                names, is_again = advance.estimator.progress.state_names, advance.track.is_again
                tables.insert(connection, advance.estimator.pk, names, advance.rows(now), again=is_again)
            changes = _moved_on(advance, finding)
            checkpoint = checkpoint_to_keep(advance.track, changes)
            if checkpoint is not None:
                kept.append(checkpoint)
                changes["kept_stepped"] = changes["rows_stepped"]
            of_tracks[type(advance.track)][advance.estimator.pk] = changes
            _note(advance, now)
        tables.update_each(connection, Recomputation, of_tracks[Recomputation])
        tables.update_each(connection, EstimatorProgress, of_tracks[EstimatorProgress])
        of_second_tracks = of_tracks[Recomputation].keys() - of_tracks[EstimatorProgress].keys()
        EstimatorProgress.objects.filter(pk__in=of_second_tracks).update(updated=timezone.now())
        Checkpoint.objects.bulk_create(kept)
    stored = [advance for advance in advances if advance.estimator.pk in mine]
    for advance in stored:
        if advance.track.is_again and advance.failure is None and not advance.place.in_order:
            advance.replaced = _replace(advance)
    return stored


def _replace(advance: Advance) -> Replaced:
    """By itself: it may move many rows, and others wait. What is left undone here, the next round does."""
    with transaction.atomic():
        return replace_if_caught_up(advance.estimator) if _still_mine([advance]) else Replaced.NOT_YET


def _still_mine(advances: Sequence[Advance]) -> set[int]:
    """Ids of the estimators that no other process has claimed since."""
    fences = {advance.estimator.pk: advance.fence for advance in advances}
    mine = still_mine(fences, {advance.estimator.pk: advance.estimator.battery_id for advance in advances})
    for pk in fences.keys() - mine:
        log.warning("Estimator %s was taken over or deleted while it was stepped here; nothing of it is written.", pk)
    return mine


def _moved_on(advance: Advance, finding: dict[str, Any]) -> dict[str, Any]:
    """What is new of a track: how far it has come, and what it knows there."""
    track = advance.track
    changes: dict[str, Any] = {
        "rows_stepped": track.rows_stepped + len(advance.row_ids),
        "latest_time": advance.latest_time,
        "latest_row": advance.latest_row,
        "checkpoint": advance.checkpoint,
        "updated": timezone.now(),
    }
    changes |= _in_order(advance) if advance.place.in_order or _was_in_order(track) else _by_arrival(advance)
    if len(advance.row_ids):
        changes |= _newest(advance, track) | finding
    return changes


def _by_arrival(advance: Advance) -> dict[str, Any]:
    track = advance.track
    late = [time for time in (track.late_from, advance.late_from) if time is not None]
    return {
        "cursor": advance.place.cursor,
        "rows_seen": track.rows_seen + advance.place.rows_seen,
        "rows_skipped": dict(Counter(track.rows_skipped) + advance.skipped),
        "late_from": min(late, default=None),
    }


def _in_order(advance: Advance) -> dict[str, Any]:
    """Rows that cannot be stepped were counted by the first track, up to the same row."""
    taken = Counter({reason: advance.skipped[reason] for reason in TAKEN_WITHOUT_ESTIMATE})
    read_time, read_row = advance.place.read
    return {
        "in_order": advance.place.in_order,
        "read_time": read_time,
        "read_row": read_row,
        "rows_skipped": dict(Counter(advance.track.rows_skipped) + taken),
    }


def _was_in_order(track: EstimatorProgress | Recomputation) -> bool:
    return isinstance(track, Recomputation) and track.in_order


def _note(advance: Advance, computed: float) -> None:
    """What the estimator itself tells: its state, its error, its output, its libraries."""
    estimator = advance.estimator
    changes: dict[str, Any] = {}
    if advance.failure is not None and advance.track.is_again:
        stop_recomputation(estimator, advance.failure)
    elif advance.failure is not None:
        record_failure(estimator, advance.failure)
    elif estimator.state != Stored.READY and not advance.track.is_again:
        changes["state"] = Stored.READY
    if advance.script_output and advance.script_output != estimator.script_output:
        changes["script_output"] = advance.script_output
    known = estimator.library_history[-1]["versions"] if estimator.library_history else None
    if advance.libraries and len(advance.row_ids) and advance.libraries != known:
        begun = {"since": computed, "versions": dict(advance.libraries)}
        changes["library_history"] = [*estimator.library_history[-MOST_LIBRARY_CHANGES:], begun]
        if not estimator.library_versions:
            changes["library_versions"] = dict(advance.libraries)
    if changes:
        Estimator.objects.filter(pk=estimator.pk).update(**changes)


def _newest(advance: Advance, progress: EstimatorProgress | Recomputation) -> dict[str, Any]:
    mean = np.asarray(advance.means[-1], dtype="<f8")
    found = {
        "mean": mean.tobytes(),
        "covariance": np.asarray(advance.covariances[-1], dtype="<f8").tobytes(),
        "innovation": _with_null(advance.innovation[-1:])[0],
    }
    if advance.seconds > 0:
        found["steps_per_second"] = len(advance.row_ids) / advance.seconds
    if progress.reference_capacity is None:
        place = place_of_capacity(advance.estimator.progress.state_names)
        found["reference_capacity"] = None if place is None else float(advance.means[0][place])
    return found


def place_of_capacity(state_names: Sequence[str]) -> int | None:
    """Which state is the capacity (Ah), by the name that Moirae and the built-in filter give it."""
    return next((place for place, name in enumerate(state_names) if name in ("q_t.base_values", "q_t")), None)


def record_failure(estimator: Estimator, failure: EstimatorFailed, fence: int | None = None) -> None:
    """Keeps why it stopped. What it has estimated stays, and so does the place from which a retry goes on.

    With a `fence` nothing is written of an estimator that another process has claimed since.
    """
    mine = {} if fence is None else {"progress__fence": fence, "progress__owner": this_process()}
    Estimator.objects.filter(pk=estimator.pk, **mine).update(
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
