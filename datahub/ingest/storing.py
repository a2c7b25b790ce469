"""Storing rows now, in this thread: bulk uploads, imports and tests. Sockets go through the writer instead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, transaction

from datahub.errors import BadBatteryName, BatteryDeleted, BatteryFull, RecordsRefused, StoreBusy
from datahub.ingest.commit import commit_group
from datahub.ingest.frames import Columns, Frame
from datahub.ingest.protocol import BATTERY_FULL, Rejection
from datahub.ingest.sieve import Submission
from datahub.validators import why_battery_name_is_refused


@dataclass(frozen=True)
class StoreResult:
    """`stored` and `repeated` (already there) count rows; `rejected` names the others by index."""

    stored: int
    repeated: int
    rejected: list[Rejection]


def store_records(battery_name: str, records: Sequence[Any], partial: bool = False) -> StoreResult:
    """Stores records (maps of column to value) in one transaction, making the battery if need be.

    A record that cannot be stored stops them all (RecordsRefused, BatteryFull), unless `partial`.
    """
    return store_frame(battery_name, list(records), partial)


def store_columns(
    battery_name: str, columns: dict[str, list[Any]], partial: bool = False, battery_id: int | None = None
) -> StoreResult:
    """The same for rows that lie in columns of one length; several times quicker. Values are plain Python's."""
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"Columns of one length are needed; these have {sorted(lengths)}.")
    rows = lengths.pop() if lengths else 0
    return store_frame(battery_name, Columns(tuple(columns), list(columns.values()), rows), partial, battery_id)


def store_frame(battery_name: str, frame: Frame, partial: bool = False, battery_id: int | None = None) -> StoreResult:
    """The same for what frames.decode gives.

    With `battery_id` the rows are for that battery and no later one of its name: raises BatteryDeleted.
    """
    if why := why_battery_name_is_refused(battery_name):
        raise BadBatteryName(why, fields={"name": [why]})
    submission = Submission(frame, [time.time()] * len(frame), battery_id=battery_id)
    try:
        with transaction.atomic():
            committed = commit_group({battery_name: [submission]})[battery_name]
            if submission.is_orphan:
                raise BatteryDeleted(battery_name)
            rejected = sorted(submission.rejections, key=lambda rejection: rejection.index)
            if rejected and not partial:
                raise _refusal(battery_name, rejected)
    except OperationalError as error:
        raise StoreBusy from error
    return StoreResult(committed.stored, committed.repeated, rejected)


def _refusal(battery_name: str, rejected: list[Rejection]) -> BatteryFull | RecordsRefused:
    """Rows that have no place are not to be mended: the sender is told so, where nothing else is wrong."""
    if all(rejection.code == BATTERY_FULL for rejection in rejected):
        return BatteryFull(battery_name, len(rejected), rejected[0].message)
    return RecordsRefused(rejected)
