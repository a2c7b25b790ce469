"""The built-in filter: all batteries with waiting rows in one array operation, one commit for all of them."""

from __future__ import annotations

import time
from collections import Counter
from functools import lru_cache
from uuid import UUID

import numpy as np
from django.conf import settings

from energykit.errors import BadCheckpoint, InvalidParameters
from energykit.ukf import FilterResult, FilterRows, FleetFilter, JointFilterParameters, Outcome
from twin.errors import EstimatorFailed
from twin.estimation.commit import Advance, commit, record_failure
from twin.estimation.lease import claim
from twin.estimation.sieve import Skipped
from twin.estimation.work import Chunk, needed_columns, next_chunk, with_progress, with_rows_waiting
from twin.models import Estimator
from twin.states import Kind

MOST_BATTERIES_A_ROUND = 2000
MOST_ROWS_A_ROUND = 40_000  # in one transaction: other writers wait that long
FEWEST_ROWS_A_BATTERY = 20


def advance_fleet() -> bool:
    """One round: a chunk for each battery with rows waiting. Tells whether there is more to do."""
    fences = claim(with_rows_waiting(Kind.JOINT_UKF, MOST_BATTERIES_A_ROUND))
    if not fences:
        return False
    estimators = with_progress(fences)
    fleet = _restored(estimators)
    if fleet is None:
        return True
    limit = min(settings.ESTIMATION_CHUNK_ROWS, max(FEWEST_ROWS_A_BATTERY, MOST_ROWS_A_ROUND // len(fences)))
    chunks = [next_chunk(each, limit, needed_columns(each.battery)) for each in estimators]
    return any(advance.rows_seen for advance in commit(_stepped(fleet, estimators, chunks, fences)))


def _restored(estimators: list[Estimator]) -> FleetFilter | None:
    """All filters as their checkpoints left them; None where one could not be read, which is then marked as failed."""
    fleet_parameters = []
    for estimator in estimators:
        try:
            fleet_parameters.append(_parameters_of(estimator.folder))
        except InvalidParameters as wrong:
            record_failure(estimator, EstimatorFailed(str(wrong)))
            return None
    fleet = FleetFilter(fleet_parameters)
    for place, estimator in enumerate(estimators):
        try:
            fleet.restore(place, bytes(estimator.progress.checkpoint or b""))
        except BadCheckpoint as wrong:
            record_failure(estimator, EstimatorFailed(str(wrong)))
            return None
    return fleet


@lru_cache(maxsize=20_000)
def _parameters_of(folder: UUID) -> JointFilterParameters:
    """Read and checked once: a version's parameters never change."""
    stored = Estimator.objects.values_list("parameters", flat=True).get(folder=folder)
    return JointFilterParameters.from_mapping(stored or {})


def _stepped(
    fleet: FleetFilter, estimators: list[Estimator], chunks: list[Chunk], fences: dict[int, int]
) -> list[Advance]:
    rows = [FilterRows(*map(chunk.usable, chunk.block.columns)) for chunk in chunks]
    begun = time.monotonic()
    results = fleet.advance(rows)
    seconds = time.monotonic() - begun
    total = sum(map(len, rows)) or 1
    return [
        _advance(estimator, chunk, result, fleet.checkpoint(place), fences[estimator.pk], seconds * len(chunk) / total)
        for place, (estimator, chunk, result) in enumerate(zip(estimators, chunks, results, strict=True))
    ]


def _advance(
    estimator: Estimator, chunk: Chunk, result: FilterResult, checkpoint: bytes, fence: int, seconds: float
) -> Advance:
    stepped, places = result.stepped, chunk.sifted.usable
    skipped = chunk.sifted.skipped + Counter(
        {
            str(Skipped.FIRST_CONTROL): int(np.count_nonzero(result.skipped == Outcome.FIRST_CONTROL)),
            str(Skipped.DIVERGED): int(np.count_nonzero(result.skipped == Outcome.DIVERGED)),
        }
    )
    times = chunk.usable(next(iter(chunk.block.columns)))
    return Advance(
        estimator=estimator,
        fence=fence,
        cursor=chunk.id_before(len(chunk), estimator.progress.cursor),
        rows_seen=len(chunk),
        latest_time=float(times[-1]) if len(times) else chunk.latest_time,
        skipped=skipped,
        late_from=chunk.sifted.late_from,
        checkpoint=checkpoint,
        row_ids=chunk.block.ids[places][stepped],
        times=times[stepped],
        means=result.means[stepped],
        covariances=result.covariances[stepped],
        predicted_voltage=result.predicted_voltage[stepped],
        innovation=result.innovation[stepped],
        innovation_variance=result.innovation_variance[stepped],
        seconds=seconds,
    )
