"""The worker's duty: a chunk of rows of each battery that has some waiting, all of it in one commit."""

from __future__ import annotations

import time

import numpy as np

from datahub.queries import rows_after
from energykit.errors import BadCheckpoint
from energykit.measuring import Meter, MeterRows
from twin.estimation.claims import claim
from twin.measuring.again import MeasuringAgain
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
    with_unreadable_checkpoint,
    with_work,
)

MOST_BATTERIES_A_ROUND = 1000
MOST_AGAIN = 100  # batteries that one process measures again at a time
MOST_ROWS_A_ROUND = 40_000  # in one transaction: other writers wait that long
FEWEST_ROWS_A_BATTERY = 100
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LOOKS_AT_RULES = 60.0

_next_look = 0.0
_next_look_at_rules = 0.0
_to_be_begun: list[int] = []  # ids of batteries that were found then, and wait for their turn
under_way: dict[int, MeasuringAgain] = {}  # by id of the battery


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
    _go_on_again()
    ids = dict.fromkeys([*with_work(MOST_BATTERIES_A_ROUND), *_to_measure_anew()])
    fences = claim(ids.keys() - under_way.keys(), MeasuredProgress)
    wanted = targets(fences)
    limit = max(FEWEST_ROWS_A_BATTERY, MOST_ROWS_A_ROUND // max(1, len(wanted)))
    steps = []
    for target in wanted:
        battery_id = target.battery.pk
        step = step_of(target, fences[battery_id], limit)
        if step is not None:
            steps.append(step)
        elif len(under_way) < MOST_AGAIN:
            under_way[battery_id] = MeasuringAgain(target, fences[battery_id])
    stored = commit(steps) if steps else []
    return bool(under_way) or any(step.rows_seen or step.estimates for step in stored)


def _go_on_again() -> None:
    """A portion of each battery that is measured again."""
    limit = max(FEWEST_ROWS_A_BATTERY, MOST_ROWS_A_ROUND // max(1, len(under_way)))
    for battery_id in list(under_way):
        again = under_way.pop(battery_id)  # one that raises is begun anew
        if again.go_on(limit):
            under_way[battery_id] = again


def _to_measure_anew() -> list[int]:
    """Looked for now and then only: nobody waits for it, and it asks about all batteries."""
    global _next_look_at_rules, _to_be_begun
    now = time.monotonic()
    if not _to_be_begun and now >= _next_look_at_rules:
        _next_look_at_rules = now + SECONDS_BETWEEN_LOOKS_AT_RULES
        _to_be_begun = [*with_other_rules(), *with_unreadable_checkpoint()]
    free = max(0, MOST_AGAIN - len(under_way))
    begun, _to_be_begun = _to_be_begun[:free], _to_be_begun[free:]
    return begun


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
