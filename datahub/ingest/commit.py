"""The one transaction that stores rows: locks the batteries, sifts what they sent, inserts, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from datahub import tables
from datahub.ingest.digest import EXACT_IN_A_DOUBLE
from datahub.ingest.layout import TEST_TIME, Layout
from datahub.ingest.protocol import Limits
from datahub.ingest.sieve import Chunk, Sieve, Submission
from datahub.models import Battery
from datahub.registration import battery_for_upload
from datahub.validators import is_column_name

NAMES_A_QUERY = 500  # SQLite and PostgreSQL take more parameters, but a list this long is quick to plan
INTERVAL_WEIGHT = 0.1  # of the newest gap in the running mean of gaps


@dataclass(slots=True)
class Committed:
    """What became of what one battery sent. `position` and `last_test_time` are the battery's after the commit."""

    stored: int = 0
    repeated: int = 0
    battery_id: int | None = None  # None: there is no such battery, as nothing sent could be stored
    position: int = 0
    last_test_time: float | None = None


def limits_from_settings() -> Limits:
    return Limits(
        frame_bytes=settings.UPLOAD_MAX_FRAME_BYTES,
        rows_a_frame=settings.UPLOAD_MAX_ROWS_A_FRAME,
        columns=settings.UPLOAD_MAX_COLUMNS,
        text_bytes=settings.UPLOAD_MAX_TEXT_BYTES,
    )


def commit_group(group: Mapping[str, Sequence[Submission]]) -> dict[str, Committed]:
    """Stores all submissions, by battery name, in one transaction. What cannot be stored is told to each submission.

    Raises django.db.DatabaseError; then nothing is stored, and the same group may be given again.
    """
    limits = limits_from_settings()
    with transaction.atomic():
        batteries = _locked(list(group))
        results = {}
        counted = []
        for name, submissions in group.items():
            battery = batteries.get(name)
            wanted = _without_orphans(submissions, battery)
            if battery is None and _holds_a_row(wanted, limits):
                battery = _created(name)
            if battery is None:
                results[name] = Committed()
                continue
            before = _counters(battery)
            results[name] = _store(battery, wanted, limits)
            if _counters(battery) != before:
                counted.append(battery)
        if counted:
            tables.update_counters(connection, [_counters(battery) for battery in counted])
    return results


def _without_orphans(submissions: Sequence[Submission], battery: Battery | None) -> list[Submission]:
    """Those that were not meant for a battery deleted since; all of them without rejections of an earlier try."""
    wanted = []
    for submission in submissions:
        submission.rejections.clear()
        known = submission.battery_id
        submission.is_orphan = known is not None and (battery is None or battery.pk != known)
        if not submission.is_orphan:
            wanted.append(submission)
    return wanted


# --- batteries -----------------------------------------------------------------------------------------------------
def _locked(names: list[str]) -> dict[str, Battery]:
    """The batteries there are, locked in the order of their ids so that two writers never wait for each other.

    On PostgreSQL the lock also keeps row ids in the order of commits: the next writer draws its ids after this one.
    SQLite's transaction holds the whole database.
    """
    found: dict[str, Battery] = {}
    for first in range(0, len(names), NAMES_A_QUERY):
        some = Battery.objects.filter(name__in=names[first : first + NAMES_A_QUERY]).order_by("id")
        found.update((battery.name, battery) for battery in some.select_for_update().defer("metadata", "description"))
    return found


def _holds_a_row(submissions: Sequence[Submission], limits: Limits) -> bool:
    trial = Sieve(Layout({}, is_column_name, lambda name: True, limits.columns), limits.text_bytes)
    trial.sift(submissions)
    if trial.chunks:
        for submission in submissions:
            submission.rejections.clear()
    return bool(trial.chunks)


def _created(name: str) -> Battery:
    battery_for_upload(name)
    return Battery.objects.select_for_update().get(name=name)  # another process may have made it, and stored rows


# --- rows ----------------------------------------------------------------------------------------------------------
def _store(battery: Battery, submissions: Sequence[Submission], limits: Limits) -> Committed:
    is_new = not battery.columns
    layout = Layout(
        battery.columns,
        is_column_name,
        lambda name: (
            is_new
            or name not in stored_kinds
            or not tables.has_integers_beyond(connection, battery.pk, name, EXACT_IN_A_DOUBLE)
        ),
        limits.columns,
    )
    stored_kinds = dict(battery.columns)
    sieve = Sieve(layout, limits.text_bytes)
    sieve.sift(submissions)
    _shape_table(battery, layout, is_new)
    result = Committed(battery_id=battery.pk)
    for chunk in sieve.chunks:
        stored = _insert(battery, chunk)
        result.stored += stored
        result.repeated += len(chunk) - stored
    if result.stored:
        _note_arrival(battery, max(max(chunk.received) for chunk in sieve.chunks))
    battery.rows += result.stored
    battery.repeated_rows += result.repeated
    battery.refused_rows += sum(len(submission.rejections) for submission in submissions)
    battery.non_finite_values += sieve.non_finite
    result.position, result.last_test_time = battery.rows, battery.last_test_time
    return result


def _shape_table(battery: Battery, layout: Layout, is_new: bool) -> None:
    if not layout.added and not layout.widened:
        return
    if is_new:
        tables.create(connection, battery.pk, layout.added)
    else:
        tables.add_columns(connection, battery.pk, layout.added)
        tables.widen_to_float(connection, battery.pk, layout.widened)
    battery.save(update_fields=["columns"])


def _insert(battery: Battery, chunk: Chunk) -> int:
    times = chunk.columns[chunk.names.index(TEST_TIME)] if TEST_TIME in chunk.names else []
    late = _late(times, battery.last_test_time, len(chunk))
    any_late = True in late
    before = tables.newest_row_id(connection, battery.pk) if any_late else 0
    stored = tables.insert(
        connection, battery.pk, battery.columns, chunk.names, chunk.columns, chunk.digests, late, chunk.received
    )
    if not stored:
        return 0
    if any_late:  # some of them may be repeated rows, which were late only in coming again
        count, least = tables.late_rows_after(connection, battery.pk, before)
        battery.late_rows += count
        battery.late_from = _least(battery.late_from, least)
    known = [time for time in times if time is not None]
    if known:
        battery.first_test_time = _least(battery.first_test_time, min(known))
        greatest = max(known)
        if battery.last_test_time is None or greatest > battery.last_test_time:
            battery.last_test_time = greatest
    return stored


def _late(times: list[Any], newest: float | None, rows: int) -> list[bool]:
    """Which rows are older than one before them."""
    known = [time for time in times if time is not None]
    if not known:
        return [False] * rows
    if len(known) == rows and (newest is None or times[0] >= newest) and sorted(times) == times:
        return [False] * rows
    floor = float("-inf")
    filled = [floor if time is None else time for time in times]
    greatest = accumulate([floor if newest is None else newest, *filled], max)
    return [time is not None and time < high for time, high in zip(times, greatest, strict=False)]


def _least(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


# --- counters ------------------------------------------------------------------------------------------------------
def _note_arrival(battery: Battery, received: float) -> None:
    """`interval_seconds` is a running mean of the gaps between commits that brought rows."""
    if battery.last_received is not None and received > battery.last_received:
        gap = received - battery.last_received
        known = battery.interval_seconds
        battery.interval_seconds = gap if known is None else known + INTERVAL_WEIGHT * (gap - known)
    if battery.last_received is None or received > battery.last_received:
        battery.last_received = received


def _counters(battery: Battery) -> tuple[Any, ...]:
    return (
        battery.rows,
        battery.late_rows,
        battery.repeated_rows,
        battery.refused_rows,
        battery.non_finite_values,
        battery.first_test_time,
        battery.last_test_time,
        battery.late_from,
        battery.last_received,
        battery.interval_seconds,
        battery.pk,
    )
