"""Time in SOC bands, counted along the estimates of the current estimator."""

from __future__ import annotations

import numpy as np
from django.db import connection

from energykit.errors import BadCheckpoint
from energykit.measuring import SocBands
from twin.measuring import tables
from twin.measuring.commit import Step
from twin.measuring.records import MeasuredProgress
from twin.tables import columns_of

ESTIMATES_AT_ONCE = 20_000
BEHIND = -1  # behind every estimator's cursor, so that the battery comes again


def count_soc(step: Step, limit: int) -> None:
    """Goes on through the current estimator's SOC; through all of it where the estimator or its series is another one.

    All at once then, so that nobody reads bands of half a life.
    """
    estimator, progress = step.target.estimator, step.target.progress
    if estimator is None or not estimator.progress.rows_stepped:
        return
    step.soc_estimator, step.soc_series = estimator.pk, estimator.progress.series
    bands = _bands_so_far(step, progress)
    step.bands, step.soc_cursor = bands or SocBands(), estimator.progress.cursor
    if bands is not None and progress.soc_time is not None:
        step.soc_place = progress.soc_time, progress.soc_row
    if "soc" not in columns_of(estimator.progress.state_names):
        return
    while _count_some(step, step.bands, limit if bands is not None else ESTIMATES_AT_ONCE):
        if bands is not None:
            step.has_more, step.soc_cursor = True, BEHIND
            return


def _bands_so_far(step: Step, progress: MeasuredProgress) -> SocBands | None:
    """None where counting begins anew."""
    if (progress.soc_estimator, progress.soc_series) != (step.soc_estimator, step.soc_series):
        return None
    try:
        return SocBands.from_bytes(bytes(progress.soc_checkpoint or b""))
    except BadCheckpoint:
        return None


def _count_some(step: Step, bands: SocBands, limit: int) -> bool:
    """Tells whether more may follow."""
    found = tables.select_soc(connection, step.soc_estimator, "soc", step.soc_place, limit)
    if found:
        ids, times, socs = zip(*found, strict=True)
        bands.add(np.array(times), np.array(socs), step.target.rules.gap_seconds)
        step.soc_place = times[-1], ids[-1]
        step.estimates += len(found)
    return len(found) == limit
