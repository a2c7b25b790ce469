"""The built-in filter: all batteries with waiting rows in one array operation, one commit for all of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from uuid import UUID

import numpy as np
from django.conf import settings

from energykit.errors import BadCheckpoint, InvalidParameters
from energykit.ukf import FilterResult, FleetFilter, JointFilterParameters, Outcome
from twin.errors import EstimatorFailed
from twin.estimation.claims import claim
from twin.estimation.commit import Advance, commit, record_failure
from twin.estimation.in_columns import FleetChunk, fleet_chunk
from twin.estimation.libraries import own_libraries
from twin.estimation.recomputing import begin_recomputations
from twin.estimation.replacing import stop_recomputation
from twin.estimation.work import (
    Chunk,
    being_recomputed,
    needed_columns,
    next_block,
    tracks_of,
    with_progress,
    with_rows_waiting,
)
from twin.models import Estimator, EstimatorProgress, Recomputation
from twin.states import Kind, Skipped

MOST_BATTERIES_A_ROUND = 2000
MOST_ROWS_A_ROUND = 40_000  # in one transaction: other writers wait that long
FEWEST_ROWS_A_BATTERY = 20


def advance_fleet() -> bool:
    """One round: a chunk for each battery with rows waiting. Tells whether there is more to do."""
    begin_recomputations(Kind.JOINT_UKF)
    waiting = with_rows_waiting(Kind.JOINT_UKF, MOST_BATTERIES_A_ROUND)
    fences = claim({*waiting, *being_recomputed(Kind.JOINT_UKF, MOST_BATTERIES_A_ROUND)})
    tracks = [(estimator, track) for estimator in with_progress(fences) for track in tracks_of(estimator)]
    if not tracks:
        return False
    estimators = [estimator for estimator, _ in tracks]
    fleet = _restored(tracks, fences)
    if fleet is None:
        return True
    limit = min(settings.ESTIMATION_CHUNK_ROWS, max(FEWEST_ROWS_A_BATTERY, MOST_ROWS_A_ROUND // len(tracks)))
    blocks = [
        next_block(each, track, limit, needed_columns(each.battery, with_temperature=parameters.needs_temperature))
        for (each, track), parameters in zip(tracks, fleet.parameters, strict=True)
    ]
    taken = fleet_chunk([track for _, track in tracks], blocks, limit)
    return any(advance.did_something for advance in commit(_stepped(fleet, estimators, taken, fences)))


def _restored(
    tracks: list[tuple[Estimator, EstimatorProgress | Recomputation]], fences: dict[int, int]
) -> FleetFilter | None:
    """All filters as their checkpoints left them; None where one could not be read, which is then marked as failed."""
    estimators = [estimator for estimator, _ in tracks]
    fleet_parameters = []
    for estimator in estimators:
        try:
            fleet_parameters.append(_parameters_of(estimator.folder))
        except InvalidParameters as wrong:
            record_failure(estimator, EstimatorFailed(str(wrong)), fences[estimator.pk])
            return None
    fleet = FleetFilter(fleet_parameters)
    for place, (estimator, track) in enumerate(tracks):
        try:
            fleet.restore(place, bytes(track.checkpoint or b""))
        except BadCheckpoint as wrong:
            record = stop_recomputation if track.is_again else record_failure
            record(estimator, EstimatorFailed(str(wrong)), fences[estimator.pk])
            return None
    return fleet


@lru_cache(maxsize=20_000)
def _parameters_of(folder: UUID) -> JointFilterParameters:
    """Read and checked once: a version's parameters never change."""
    stored = Estimator.objects.values_list("parameters", flat=True).get(folder=folder)
    return JointFilterParameters.from_mapping(stored or {})


def _stepped(
    fleet: FleetFilter, estimators: list[Estimator], taken: FleetChunk, fences: dict[int, int]
) -> list[Advance]:
    begun = time.monotonic()
    results = fleet.advance(taken.rows)
    seconds_a_row = (time.monotonic() - begun) / max(len(taken.rows.time), 1)
    spans = [slice(*span) for span in pairwise(taken.rows.starts.tolist())]
    return [
        Taken(estimator, chunk, taken.rows.time[span], taken.rows.current[span], seconds_a_row).advance(
            result, fleet.checkpoint(place), fences[estimator.pk]
        )
        for place, (estimator, chunk, span, result) in enumerate(
            zip(estimators, taken.chunks, spans, results, strict=True)
        )
    ]


@dataclass(frozen=True)
class Taken:
    """What was taken of one battery; `times` (s) and `currents` (A, positive while charging) of its usable rows."""

    estimator: Estimator
    chunk: Chunk
    times: np.ndarray
    currents: np.ndarray
    seconds_a_row: float  # of stepping

    def advance(self, result: FilterResult, checkpoint: bytes, fence: int) -> Advance:
        chunk, places, times = self.chunk, self.chunk.sifted.usable, self.times
        is_whole = bool(result.stepped.all())
        stepped = slice(None) if is_whole else result.stepped
        return Advance(
            estimator=self.estimator,
            track=chunk.track,
            fence=fence,
            place=chunk.after(len(chunk)),
            latest_time=float(times[-1]) if len(times) else chunk.latest_time,
            latest_row=int(chunk.block.ids[places[-1]]) if len(times) else chunk.track.latest_row,
            skipped=chunk.sifted.skipped if is_whole else chunk.sifted.skipped + _skipped_by_filter(result),
            late_from=chunk.sifted.late_from,
            checkpoint=checkpoint,
            row_ids=chunk.block.ids[places][stepped],
            times=times[stepped],
            currents=self.currents[stepped],
            means=result.means[stepped],
            covariances=result.covariances[stepped],
            predicted_voltage=result.predicted_voltage[stepped],
            innovation=result.innovation[stepped],
            innovation_variance=result.innovation_variance[stepped],
            seconds=self.seconds_a_row * len(times),
            libraries=own_libraries(),
        )


def _skipped_by_filter(result: FilterResult) -> Counter[str]:
    return Counter(
        {
            str(Skipped.FIRST_CONTROL): int(np.count_nonzero(result.skipped == Outcome.FIRST_CONTROL)),
            str(Skipped.DIVERGED): int(np.count_nonzero(result.skipped == Outcome.DIVERGED)),
        }
    )
