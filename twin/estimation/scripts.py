"""Uploaded estimators: each steps its own rows in a warm guest of the sandbox, and is committed by itself."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping

import numpy as np
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError

from sandbox.errors import ScriptError, ZygoteLost
from sandbox.guest import Guest
from twin.errors import EstimatorFailed, NotNow, SandboxUnavailable
from twin.estimation.answers import Stepped, checked, joined
from twin.estimation.claims import claim
from twin.estimation.commit import Advance, commit, record_failure
from twin.estimation.guests import WarmGuests, failure_of, storable
from twin.estimation.recomputing import begin_recomputations
from twin.estimation.replacing import Replaced, stop_recomputation
from twin.estimation.sieve import NEEDED
from twin.estimation.work import (
    Chunk,
    as_scripts_know_them,
    being_recomputed,
    next_chunk,
    tracks_of,
    with_progress,
    with_rows_waiting,
)
from twin.models import Estimator, EstimatorProgress, Recomputation
from twin.states import Kind, Skipped, Stored, has_enough_data
from twin.versions import queue_start

log = logging.getLogger(__name__)

MOST_A_ROUND = 200
SECONDS_A_CALL = 1.0  # after which a guest answers with what it has, so that others have their turn
MOST_ANSWER_BYTES = 16 * 2**20
REST_SECONDS = 2.0  # after what was no fault of the script's

warm_guests = WarmGuests()
_rests_until: dict[int, float] = {}  # by estimator, in monotonic time


def advance_scripts() -> bool:
    """One round: a chunk for each script with rows waiting. Tells whether any row was taken."""
    begin_recomputations(Kind.SCRIPT)
    waiting = dict.fromkeys(
        [*with_rows_waiting(Kind.SCRIPT, MOST_A_ROUND), *being_recomputed(Kind.SCRIPT, MOST_A_ROUND)]
    )
    return sum(map(_advance_one, waiting)) > 0


def _advance_one(estimator_id: int) -> bool:
    if time.monotonic() < _rests_until.get(estimator_id, 0.0):
        return False
    fence = claim([estimator_id]).get(estimator_id)
    found = with_progress([estimator_id]) if fence is not None else []
    if fence is None or not found:
        return False
    try:
        return _advance_claimed(found[0], fence)
    except (OperationalError, InterfaceError, InternalError):  # of the database, not of the estimator
        raise
    except Exception as wrong:
        # What nobody foresaw stops this estimator, and none of the others.
        log.exception("Estimator %s could not be stepped.", estimator_id)
        warm_guests.close(estimator_id)
        told = storable(f"ROVI could not go on with it: {type(wrong).__name__}: {wrong}.")
        record_failure(found[0], EstimatorFailed(told), fence)
        return True


def _advance_claimed(estimator: Estimator, fence: int) -> bool:
    if estimator.state == Stored.WAITING and not _may_begin(estimator):
        return False
    took_any = False
    for place, track in enumerate(tracks_of(estimator)):
        if place and claim([estimator.pk]).get(estimator.pk) != fence:
            break
        took_any |= _advance_track(estimator, track, fence)
    return took_any


def _advance_track(estimator: Estimator, track: EstimatorProgress | Recomputation, fence: int) -> bool:
    record = stop_recomputation if track.is_again else record_failure
    try:
        advance = _advanced(estimator, track, fence)
    except EstimatorFailed as failure:
        record(estimator, failure, fence)
        warm_guests.close(estimator.pk)
        return True
    except SandboxUnavailable as unavailable:
        record(estimator, EstimatorFailed(unavailable.message), fence)
        return False
    except (ZygoteLost, NotNow) as wrong:  # no fault of the script's: it goes on from its checkpoint
        log.warning("Estimator %s is tried again in %g s. %s", estimator.pk, REST_SECONDS, wrong)
        warm_guests.close(estimator.pk)
        _rests_until[estimator.pk] = time.monotonic() + REST_SECONDS
        return False
    if not commit([advance]) or advance.failure is not None or advance.replaced is Replaced.WHOLLY:
        warm_guests.close(estimator.pk)
    return advance.did_something


def _may_begin(estimator: Estimator) -> bool:
    """Whether it is loaded and has the data that it needs."""
    if not has_enough_data(estimator):
        return False
    if estimator.progress.checkpoint is None:
        queue_start(estimator)
        return False
    return True


def _advanced(estimator: Estimator, track: EstimatorProgress | Recomputation, fence: int) -> Advance:
    chunk = next_chunk(estimator, track, _most_rows(estimator))
    if not len(chunk.sifted.usable):
        return _advance(estimator, fence, chunk, None, None, "")
    return _advance(estimator, fence, chunk, *_step(estimator, chunk))


def _most_rows(estimator: Estimator) -> int:
    states = len(estimator.progress.state_names)
    bytes_a_row = 8 * (states * (states + 1) // 2 + states + 4)
    return max(1, min(settings.ESTIMATION_CHUNK_ROWS, MOST_ANSWER_BYTES // bytes_a_row))


def _step(estimator: Estimator, chunk: Chunk) -> tuple[Stepped | None, EstimatorFailed | None, str]:
    """What came of the usable rows, what stopped it before their end, and what the script printed."""
    columns = as_scripts_know_them({name: chunk.usable(name) for name in chunk.block.columns})
    guest = warm_guests.at_checkpoint(estimator, chunk.track)
    try:
        stepped = _call(guest, columns, estimator, SECONDS_A_CALL)
    except ScriptError:
        # It hung or died, and took with it what it had stepped. Row by row, the one that did it is found.
        return _step_one_by_one(estimator, chunk, columns)
    return stepped, _failure(stepped, chunk, guest), storable(guest.log)


def _step_one_by_one(
    estimator: Estimator, chunk: Chunk, columns: Mapping[str, np.ndarray]
) -> tuple[Stepped | None, EstimatorFailed | None, str]:
    warm_guests.close(estimator.pk)
    guest = warm_guests.at_checkpoint(estimator, chunk.track)
    until = time.monotonic() + settings.SANDBOX_CALL_SECONDS
    parts: list[Stepped] = []
    failure: EstimatorFailed | None = None
    for place, row_id in enumerate(chunk.block.ids[chunk.sifted.usable].tolist()):
        try:
            one = {name: values[place : place + 1] for name, values in columns.items()}
            parts.append(_call(guest, one, estimator, SECONDS_A_CALL))
        except ScriptError as wrong:
            failure = EstimatorFailed(storable(str(wrong)), row=row_id, output=storable(guest.log))
            break
        if parts[-1].error is not None or time.monotonic() > until:
            break
    stepped = joined(parts) if parts else None
    if failure is None and stepped is not None:
        failure = _failure(stepped, chunk, guest)
    return stepped, failure, storable(guest.log)


def _call(guest: Guest, columns: Mapping[str, np.ndarray], estimator: Estimator, seconds: float) -> Stepped:
    rows = len(next(iter(columns.values())))
    answer = guest.call("advance", {"columns": columns, "seconds": seconds, "most_rows": rows})
    return checked(answer, rows, len(estimator.progress.state_names))


def _failure(stepped: Stepped, chunk: Chunk, guest: Guest) -> EstimatorFailed | None:
    if stepped.error is None:
        return None
    row = int(chunk.block.ids[chunk.sifted.usable[stepped.rows]])
    return failure_of(stepped.error, row=row, output=guest.log)


def _advance(
    estimator: Estimator,
    fence: int,
    chunk: Chunk,
    stepped: Stepped | None,
    failure: EstimatorFailed | None,
    output: str,
) -> Advance:
    """Rows that are skipped before a row that failed are counted now; those after it when it is behind."""
    track = chunk.track
    taken = stepped.rows if stepped else 0
    seen, skipped, late_from = chunk.up_to(taken)
    place = chunk.after(seen)
    used = chunk.sifted.usable[:taken]
    times, currents, voltages = (chunk.needed(name)[used] for name in NEEDED)
    found = used
    if stepped is not None and stepped.took_first:
        skipped = skipped + Counter({str(Skipped.FIRST_CONTROL): 1})
        found = used[1:]
    nothing = np.empty(0)
    predicted = stepped.predicted_voltage if stepped else nothing
    warm_guests.stands_at(track, place.position(track))
    return Advance(
        estimator=estimator,
        track=track,
        fence=fence,
        place=place,
        latest_time=float(times[-1]) if taken else chunk.latest_time,
        latest_row=int(chunk.block.ids[used[-1]]) if taken else track.latest_row,
        skipped=skipped,
        late_from=late_from,
        checkpoint=stepped.checkpoint if stepped else bytes(track.checkpoint or b""),
        row_ids=chunk.block.ids[found],
        times=times[len(used) - len(found) :],
        currents=currents[len(used) - len(found) :],
        means=stepped.means if stepped else nothing.reshape(0, len(estimator.progress.state_names)),
        covariances=stepped.covariances if stepped else nothing.reshape(0, 0),
        predicted_voltage=predicted,
        innovation=voltages[len(used) - len(found) :] - predicted,
        innovation_variance=stepped.predicted_variance if stepped else nothing,
        seconds=stepped.seconds if stepped else 0.0,
        failure=failure,
        script_output=output,
        libraries=warm_guests.libraries_of(track),
    )
