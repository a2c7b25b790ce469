"""Time in SOC bands, counted along the estimates of the current estimator.

Where estimates were replaced, counting goes on from the last kept count before them; where another estimator is
current, it begins anew. Either may take several rounds; the old count is told until the new one is there, for nobody
should read bands of half a life.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from django.conf import settings
from django.db import connection

from energykit.errors import BadCheckpoint
from energykit.measuring import SocBands
from twin.measuring import tables
from twin.measuring.commit import Place, SocCount, Step
from twin.measuring.records import MeasuredProgress, MeasuredSoc
from twin.models import Estimator, Recomputed
from twin.retention import full_rate_from
from twin.tables import columns_of

BEHIND = -1  # behind every estimator's cursor, so that the battery comes again
NO_SERIES = -1  # what is told was counted by other rules


@dataclass
class Recount:
    """A count that takes the place of the told one when it is through."""

    series: tuple[int, int, float]  # estimator, its series, and the longest interval that counts, s
    begin: Place | None  # None: the first estimate
    bands: SocBands
    place: Place | None
    kept: list[MeasuredSoc] = field(default_factory=list)


recounts: dict[int, Recount] = {}  # by battery; one that is lost with its process is begun anew


def count_soc(step: Step, limit: int) -> None:
    """Goes on by up to `limit` estimates."""
    estimator, progress = step.target.estimator, step.target.progress
    if estimator is None or not estimator.progress.rows_stepped:
        return
    bands = _bands_so_far(step, estimator)
    if bands is not None:
        recounts.pop(progress.pk, None)
        place = None if progress.soc_time is None else (progress.soc_time, progress.soc_row)
        known = Recount(_series(step, estimator), None, bands, place)
        step.has_more = _count_some(step, estimator, known, limit)
        step.soc = _counted(estimator, known, step.has_more)
        return
    recount = recounts.pop(progress.pk, None)
    if recount is None or recount.series != _series(step, estimator):
        recount = _begun(step, estimator)
    if _count_some(step, estimator, recount, limit):
        recounts[progress.pk] = recount
        step.has_more, step.soc = True, _as_told(step)
    else:
        step.soc = _counted(estimator, recount, has_more=False)
        step.soc.replaces = True
        step.soc.begin = recount.begin


def _series(step: Step, estimator: Estimator) -> tuple[int, int, float]:
    return estimator.pk, estimator.progress.series, step.target.rules.gap_seconds


def _bands_so_far(step: Step, estimator: Estimator) -> SocBands | None:
    """None where what is told cannot be gone on with."""
    progress = step.target.progress
    if (progress.soc_estimator, progress.soc_series) != (estimator.pk, estimator.progress.series):
        return None
    return _read(progress) if _has_same_gap(step) else None


def _has_same_gap(step: Step) -> bool:
    told: float = step.target.progress.rules.get("gap_seconds", step.target.rules.gap_seconds)
    return told == step.target.rules.gap_seconds


def _read(record: MeasuredProgress | MeasuredSoc) -> SocBands | None:
    stored = record.soc_checkpoint if isinstance(record, MeasuredProgress) else record.state
    try:
        return SocBands.from_bytes(bytes(stored or b""))
    except BadCheckpoint:  # of another version of this program
        return None


def _begun(step: Step, estimator: Estimator) -> Recount:
    """From the last count before what was replaced since the told one; else from the first estimate."""
    progress, series = step.target.progress, _series(step, estimator)
    replaced = _replaced_from(progress, estimator) if _has_same_gap(step) else None
    if replaced is not None:
        told = None if progress.soc_time is None else (progress.soc_time, progress.soc_row)
        if told is not None and told <= replaced and (bands := _read(progress)) is not None:
            return Recount(series, told, bands, told)
        kept = MeasuredSoc.objects.filter(battery=progress.pk, estimator=estimator.pk, test_time__lte=replaced[0])
        for each in kept.order_by("-test_time", "-row_id"):
            place = each.test_time, each.row_id
            if place <= replaced and (bands := _read(each)) is not None:
                return Recount(series, place, bands, place)
    return Recount(series, None, SocBands(), None)


def _replaced_from(progress: MeasuredProgress, estimator: Estimator) -> Place | None:
    """The place after which the estimator's estimates have been replaced since they were counted; None: the start."""
    times = estimator.progress.series - progress.soc_series
    if progress.soc_estimator != estimator.pk or times <= 0 or progress.soc_series == NO_SERIES:
        return None
    newest = Recomputed.objects.filter(estimator=estimator.pk).order_by("-id")[:times]
    places = [None if each.from_time is None else (each.from_time, each.from_row) for each in newest]
    known = [place for place in places if place is not None]
    return min(known) if len(known) == times else None


def _count_some(step: Step, estimator: Estimator, count: Recount, limit: int) -> bool:
    """Tells whether more may follow."""
    if "soc" not in columns_of(estimator.progress.state_names):
        return False
    found = tables.select_soc(connection, estimator.pk, "soc", count.place, limit)
    if not found:
        return False
    before = count.bands.estimates
    ids, times, socs = zip(*found, strict=True)
    _add(count.bands, np.array(times), np.array(socs), step.target.rules.gap_seconds, estimator.progress.latest_time)
    count.place = times[-1], ids[-1]
    step.estimates += len(found)
    every = settings.MEASURING_CHECKPOINT_ROWS
    if count.bands.estimates // every > before // every:
        count.kept.append(
            MeasuredSoc(
                battery_id=step.target.battery.pk,
                estimator=estimator.pk,
                test_time=times[-1],
                row_id=ids[-1],
                state=count.bands.to_bytes(),
            )
        )
    return len(found) == limit


def _add(bands: SocBands, times: np.ndarray, socs: np.ndarray, gap: float, latest: float | None) -> None:
    """Where retention may have thinned estimates out, intervals count although that has made them longer than a gap."""
    thinned = int(np.searchsorted(times, full_rate_from(latest)))
    bands.add(times[:thinned], socs[:thinned], max(gap, 2.0 * settings.ESTIMATES_THINNED_SECONDS))
    bands.add(times[thinned:], socs[thinned:], gap)


def _counted(estimator: Estimator, count: Recount, has_more: bool) -> SocCount:
    cursor = BEHIND if has_more else estimator.progress.cursor
    return SocCount(
        estimator.pk, estimator.progress.series, cursor, count.place, count.bands.to_bytes(), kept=count.kept
    )


def _as_told(step: Step) -> SocCount:
    """What stands there already; marked where it was counted by other rules, which are forgotten now."""
    progress = step.target.progress
    return SocCount(
        progress.soc_estimator,
        progress.soc_series if _has_same_gap(step) else NO_SERIES,
        BEHIND,
        None if progress.soc_time is None else (progress.soc_time, progress.soc_row),
        None if progress.soc_checkpoint is None else bytes(progress.soc_checkpoint),
    )
