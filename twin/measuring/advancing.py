"""The worker's duty: a chunk of rows of each battery that has some waiting, all of it in one commit."""

from __future__ import annotations

import time

import numpy as np

from datahub.queries import rows_after
from energykit.errors import BadCheckpoint
from energykit.measuring import Meter, MeterRows
from twin.estimation.lease import claim, release
from twin.measuring.again import measure_again
from twin.measuring.commit import Step, commit
from twin.measuring.records import MeasuredProgress
from twin.measuring.soc import count_soc
from twin.measuring.work import (
    Target,
    begin_new_ones,
    columns_to_read,
    meter_rows,
    targets,
    with_other_rules,
    with_work,
)

MOST_BATTERIES_A_ROUND = 1000
MOST_ROWS_A_ROUND = 40_000  # in one transaction: other writers wait that long
FEWEST_ROWS_A_BATTERY = 100
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LOOKS_AT_RULES = 60.0

_next_look = 0.0
_next_look_at_rules = 0.0


def advance_now_and_then() -> bool:
    """The duty: an idle worker calls several times a second, and a look is at all batteries."""
    global _next_look
    if time.monotonic() < _next_look:
        return False
    found_work = advance_measurements()
    if not found_work:
        _next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS
    return found_work


def advance_measurements() -> bool:
    """One round. Tells whether there is more to do."""
    begin_new_ones()
    fences = claim([*with_work(MOST_BATTERIES_A_ROUND), *_changed_rules()], MeasuredProgress)
    if not fences:
        return False
    wanted = targets(fences)
    release(fences.keys() - {target.battery.pk for target in wanted}, MeasuredProgress)
    limit = max(FEWEST_ROWS_A_BATTERY, MOST_ROWS_A_ROUND // max(1, len(wanted)))
    steps, late = [], []
    for target in wanted:
        step = step_of(target, fences[target.battery.pk], limit)
        if step is None:
            late.append(target)
        else:
            steps.append(step)
    stored = commit(steps)
    for target in late:
        measure_again(target, fences[target.battery.pk])
    return bool(late) or any(step.rows_seen or step.estimates for step in stored)


def _changed_rules() -> list[int]:
    """Looked for now and then only: nobody waits for it, and it asks about all batteries."""
    global _next_look_at_rules
    now = time.monotonic()
    if now < _next_look_at_rules:
        return []
    _next_look_at_rules = now + SECONDS_BETWEEN_LOOKS_AT_RULES
    return with_other_rules()


def step_of(target: Target, fence: int, limit: int) -> Step | None:
    """The next rows of a battery, measured; None where it has to be measured again."""
    progress = target.progress
    if target.has_other_rules:
        return None
    try:
        meter = Meter.restored(target.rules, bytes(progress.checkpoint or b""))
    except BadCheckpoint:
        return None
    block = rows_after(target.battery, progress.cursor, limit, columns_to_read(target.battery))
    rows = meter_rows(block)
    if late_from(rows, meter.newest_time) is not None:
        return None
    step = Step(
        target, fence, meter, meter.advance(rows), int(block.ids[-1]) if len(block) else progress.cursor, len(block)
    )
    count_soc(step, limit)
    return step


def late_from(rows: MeterRows, newest: float | None) -> float | None:
    """Least time of the usable rows that are older than one before them; None where none is."""
    taken = rows.time[rows.usable]
    begin = -np.inf if newest is None else newest
    late = taken < np.maximum.accumulate(np.concatenate(([begin], taken)))[:-1]
    return float(taken[late].min()) if late.any() else None
