"""The one transaction that stores rows: locks the batteries, sifts what they sent, inserts, counts."""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from datahub import metrics
from datahub import tables as row_tables
from datahub.ingest import tables
from datahub.ingest.accounts import Account, kinds_in, locked_accounts, save_counters
from datahub.ingest.alike import ROWS_OF_FEW, Keys, Together, keys_of_few, sift_together
from datahub.ingest.columns import FLOAT
from datahub.ingest.digest import EXACT_IN_A_DOUBLE
from datahub.ingest.fullness import fitting_into
from datahub.ingest.layout import TEST_TIME, Layout
from datahub.ingest.protocol import Limits
from datahub.ingest.sieve import Chunk, Sieve, Submission
from datahub.keeping import room_left
from datahub.models import Battery
from datahub.registration import batteries_for_upload
from datahub.validators import is_column_name

RECORDS_TRIED = 64  # of each submission to a name that is new: whether any of it can be stored


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
        accounts = locked_accounts(list(group))
        wanted = {name: _without_orphans(sent, accounts.get(name)) for name, sent in group.items()}
        new = [name for name, sent in wanted.items() if name not in accounts and _holds_a_row(sent, limits)]
        if new:
            batteries_for_upload({name: wanted[name][0].deed for name in new})
            accounts |= locked_accounts(new)  # another process may have made some, and stored rows
        before = {name: (account.rows, account.repeated_rows, account.counters()) for name, account in accounts.items()}
        _store(accounts, wanted, limits)
        changed = [account for name, account in accounts.items() if account.counters() != before[name][2]]
        if changed:
            save_counters(changed)
    results = {name: Committed() for name in group}
    for name, account in accounts.items():
        rows, repeated, _ = before[name]
        results[name] = Committed(
            account.rows - rows, account.repeated_rows - repeated, account.pk, account.rows, account.last_test_time
        )
    noted = partial(
        metrics.note_commit,
        batteries=len(group),
        stored=sum(result.stored for result in results.values()),
        repeated=sum(result.repeated for result in results.values()),
        refused=sum(len(submission.rejections) for sent in group.values() for submission in sent),
    )
    transaction.on_commit(noted)  # the caller may yet take it all back
    return results


def _without_orphans(submissions: Sequence[Submission], account: Account | None) -> list[Submission]:
    """Those that were not meant for a battery deleted since; all of them without rejections of an earlier try."""
    wanted = []
    for submission in submissions:
        submission.rejections.clear()
        known = submission.battery_id
        submission.is_orphan = known is not None and (account is None or account.pk != known)
        if not submission.is_orphan:
            wanted.append(submission)
    return wanted


def _holds_a_row(submissions: Sequence[Submission], limits: Limits) -> bool:
    """Nearly always the first records tell; to sift all of them twice would take as long as to store them."""
    few = [submission.part(0, min(RECORDS_TRIED, len(submission.received))) for submission in submissions]
    return _tried(few, limits) or _tried(submissions, limits)


def _tried(submissions: Sequence[Submission], limits: Limits) -> bool:
    trial = Sieve(Layout({}, is_column_name, lambda name: True, limits.columns), limits.text_bytes)
    trial.sift(submissions)
    if trial.chunks:
        for submission in submissions:
            submission.rejections.clear()
    return bool(trial.chunks)


def _store(accounts: Mapping[str, Account], wanted: Mapping[str, list[Submission]], limits: Limits) -> None:
    """Batteries that are alike and sent a few rows go together, the others by themselves."""
    alike: dict[tuple[str, Keys], list[tuple[Account, Submission]]] = {}
    for name, account in accounts.items():
        keys = keys_of_few(wanted[name])
        if keys is None or not kinds_in(account.columns) or not _has_room_for_few(account):
            _store_one(account, wanted[name], limits)
        else:
            alike.setdefault((account.columns, keys), []).append((account, wanted[name][0]))
    for (columns, keys), senders in alike.items():
        kinds = kinds_in(columns)
        layout = Layout(kinds, is_column_name, lambda name: False, limits.columns)  # of rows that change no table
        for sifted in sift_together(senders, keys, layout, limits.text_bytes):
            if isinstance(sifted, Together):
                _store_together(sifted, kinds)
            else:
                account, submission = sifted
                _store_one(account, [submission], limits)


def _has_room_for_few(account: Account) -> bool:
    room = room_left(account)
    return room is None or room >= ROWS_OF_FEW


# --- many batteries together ---------------------------------------------------------------------------------------
def _store_together(together: Together[Account], kinds: Mapping[str, str]) -> None:
    shares = [(account.pk, rows) for account, rows in zip(together.batteries, together.rows, strict=True)]
    stored = tables.insert_each(connection, kinds, together.chunk, shares)
    times, received = together.times(), together.chunk.received
    for number, (account, first, end) in enumerate(together.places()):
        account.note_rows(stored[number], end - first - stored[number])
        account.non_finite_values += together.non_finite[number]
        if stored[number]:
            _note_times(account, times[first:end])
            account.note_arrival(max(received[first:end]))


# --- one battery ---------------------------------------------------------------------------------------------------
def _store_one(account: Account, submissions: Sequence[Submission], limits: Limits) -> None:
    stored_kinds = kinds_in(account.columns)
    layout = Layout(
        dict(stored_kinds),
        is_column_name,
        lambda name: (
            name not in stored_kinds
            or not row_tables.has_integers_beyond(connection, account.pk, name, EXACT_IN_A_DOUBLE)
        ),
        limits.columns,
    )
    sieve = Sieve(layout, limits.text_bytes)
    sieve.sift(submissions)
    room = room_left(account)
    if room is None or sum(map(len, sieve.chunks)) <= room:
        _shape_table(account, layout, layout.kinds)  # for all of them at once
    stored = sum([_insert_fitting(account, layout, chunk) for chunk in sieve.chunks])
    if stored:
        account.note_arrival(max(max(chunk.received) for chunk in sieve.chunks))
    account.refused_rows += sum(len(submission.rejections) for submission in submissions)
    account.non_finite_values += sieve.non_finite


def _shape_table(account: Account, layout: Layout, names: Collection[str]) -> None:
    """Makes what rows with these columns need and is not there; so rows that a full battery refuses leave no column."""
    added = {name: kind for name, kind in layout.added.items() if name in names}
    widened = [name for name in layout.widened if name in names]
    if not added and not widened:
        return
    kinds = kinds_in(account.columns)
    if kinds:
        row_tables.add_columns(connection, account.pk, added)
        row_tables.widen_to_float(connection, account.pk, widened)
    else:
        row_tables.create(connection, account.pk, added)
    kinds = kinds | added | dict.fromkeys(widened, FLOAT)
    account.columns = json.dumps(kinds)
    Battery.objects.filter(pk=account.pk).update(columns=kinds)
    for name in added:
        del layout.added[name]
    layout.widened.difference_update(widened)


def _insert_fitting(account: Account, layout: Layout, chunk: Chunk) -> int:
    room = room_left(account)
    fitting = chunk if room is None or len(chunk) <= room else fitting_into(account, chunk, room)
    if not len(fitting):
        return 0
    _shape_table(account, layout, _names_needed(layout, fitting))
    stored = _insert(account, fitting)
    account.note_rows(stored, len(fitting) - stored)
    return stored


def _names_needed(layout: Layout, chunk: Chunk) -> list[str]:
    """Columns that rows of the chunk need as the layout has them: a row that is refused may be the one that widens."""
    columns = zip(chunk.names, chunk.columns, strict=True)
    return [name for name, column in columns if name not in layout.widened or float in set(map(type, column))]


def _insert(account: Account, chunk: Chunk) -> int:
    times = chunk.columns[chunk.names.index(TEST_TIME)] if TEST_TIME in chunk.names else []
    late = _late(times, account.last_test_time, len(chunk))
    any_late = True in late
    before = row_tables.newest_row_id(connection, account.pk) if any_late else 0
    all_new = _are_new(times, account.last_test_time)
    stored = tables.insert(connection, account.pk, kinds_in(account.columns), chunk, late, all_new)
    if stored:
        if any_late:  # some of them may be repeated rows, which were late only in coming again
            account.note_late(*tables.late_rows_after(connection, account.pk, before))
        _note_times(account, times)
    return stored


def _note_times(account: Account, times: Sequence[float | None]) -> None:
    known = [time for time in times if time is not None]
    if known:
        account.note_times(min(known), max(known))


def _are_new(times: list[Any], newest: float | None) -> bool:
    """Whether none can be there already: each row is younger than all before it."""
    if not times or None in times or (newest is not None and times[0] <= newest):
        return False
    return all(map(operator.lt, times, islice(times, 1, None)))


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
