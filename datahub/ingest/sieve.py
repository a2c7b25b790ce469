"""Sifts what one battery sent into rows that can be stored and records that cannot. No Django here.

Records with the same keys are turned into columns, because a check of a whole column is one pass in C. Where a column
is not as expected the batch is halved, and the few records around the odd one are judged value by value, in the order
sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from datahub.ingest import digest
from datahub.ingest.columns import FLOAT, INTEGER, ColumnValues, coerce, kind_of, slot_of, take_whole
from datahub.ingest.frames import Columns, Frame, MapWithBadKeys, Unreadable
from datahub.ingest.layout import TEST_TIME, Layout
from datahub.ingest.protocol import (
    BAD_COLUMN_NAME,
    EMPTY_RECORD,
    NOT_A_RECORD,
    TYPE_MISMATCH,
    RecordRefused,
    Rejection,
)

JUDGED_SINGLY = 8  # below this many records, halving further costs more than looking at each


@dataclass(slots=True)
class Submission:
    """Rows that one sender sent to one battery: a request, a frame, or several frames of records.

    `received` is Unix time, s, of each record; `first_index` is the number of the first of them.
    """

    frame: Frame
    received: list[float]
    first_index: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    battery_id: int | None = None  # the battery its sender began with; None while it is not known
    is_orphan: bool = False  # that battery was deleted since: the rows are not stored
    deed: Any = None  # the sender, as access.auditing knows it, where that is another than who calls

    def refuse(self, index: int, code: str, message: str) -> None:
        self.rejections.append(Rejection(self.first_index + index, code, message))

    def took_in(self, more: Frame) -> bool:
        """Whether its frame goes on with this one now; only before anybody has looked at it."""
        frame = self.frame
        if type(frame) is list and type(more) is list:
            frame += more
            return True
        if isinstance(frame, Columns) and isinstance(more, Columns) and frame.names == more.names:
            for column, values in zip(frame.columns, more.columns, strict=True):
                column += values
            frame.rows += more.rows
            return True
        return False

    def part(self, first: int, end: int) -> Submission:
        """Records `first` to `end`, that one not, without what was told of them so far."""
        frame = self.frame
        some: Frame
        if isinstance(frame, Columns):
            some = Columns(frame.names, [column[first:end] for column in frame.columns], end - first)
        elif isinstance(frame, Unreadable):
            some = Unreadable(end - first, frame.code, frame.message)
        else:
            some = frame[first:end]
        return Submission(
            some, self.received[first:end], self.first_index + first, battery_id=self.battery_id, deed=self.deed
        )


class Origin(NamedTuple):
    """Where rows of a chunk stand: so many records of a submission, from `first` on."""

    submission: Submission
    first: int
    rows: int


@dataclass(slots=True)
class Chunk:
    """Rows that can be stored, as columns of the table. A list may be the frame's own until `append` copies it."""

    names: tuple[str, ...]
    columns: list[list[Any]]
    digests: list[int]
    received: list[float]
    is_copy: bool = False
    origins: list[Origin] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.digests)

    def part(self, first: int, end: int) -> Chunk:
        columns = [column[first:end] for column in self.columns]
        return Chunk(self.names, columns, self.digests[first:end], self.received[first:end], is_copy=True)

    def append(self, other: Chunk) -> None:
        if not self.is_copy:  # a commit that fails is tried again from the same frames, so they must stay as they are
            self.columns = [list(column) for column in self.columns]
            self.received = list(self.received)
            self.is_copy = True
        for column, more in zip(self.columns, other.columns, strict=True):
            column += more
        self.digests += other.digests
        self.received += other.received
        self.origins += other.origins


@dataclass(slots=True)
class Run:
    """Records with the same keys, one after the other, as columns; `first` is the first one's place in `submission`."""

    names: tuple[Any, ...]
    columns: list[list[Any]]
    received: list[float]
    submission: Submission
    first: int = 0

    def refuse(self, row: int, code: str, message: str) -> None:
        self.submission.refuse(self.first + row, code, message)


class Sieve:
    """Sifts submissions of one battery in the order they came; leaves `chunks`, and rejections with each submission."""

    def __init__(self, layout: Layout, text_bytes: int) -> None:
        self.layout = layout
        self.text_bytes = text_bytes
        self.chunks: list[Chunk] = []
        self.non_finite = 0

    def sift(self, submissions: Iterable[Submission]) -> None:
        for submission in submissions:
            for run in _runs(submission):
                self._sift(run, 0, len(run.received))

    def _sift(self, run: Run, first: int, end: int) -> None:
        if first == end:
            return
        if self._took_whole(run, first, end):
            return
        if end - first <= JUDGED_SINGLY:
            for row in range(first, end):
                self._judge(run, row)
            return
        middle = (first + end) // 2
        self._sift(run, first, middle)
        self._sift(run, middle, end)

    # --- all at once -----------------------------------------------------------------------------------------------
    def _took_whole(self, run: Run, first: int, end: int) -> bool:
        if first == 0 and end == len(run.received):
            columns, received = run.columns, run.received
        else:
            columns, received = [values[first:end] for values in run.columns], run.received[first:end]
        taken = whole_chunk(self.layout, run.names, columns, received, self.text_bytes)
        if taken is None:
            return False
        chunk, non_finite = taken
        chunk.origins.append(Origin(run.submission, run.first + first, end - first))
        self.non_finite += non_finite
        self._keep(chunk)
        return True

    # --- one by one ------------------------------------------------------------------------------------------------
    def _judge(self, run: Run, row: int) -> None:
        try:
            stored, non_finite = self._admitted(run, row)
        except RecordRefused as refused:
            run.refuse(row, refused.code, refused.message)
            return
        self.non_finite += non_finite
        slots = [slot_of(value) for value in stored.values()]
        self._keep(
            Chunk(
                tuple(stored),
                [[value] for value in stored.values()],
                digest.digests(tuple(stored), [form for _, form in slots], [[slot] for slot, _ in slots], 1),
                [run.received[row]],
                origins=[Origin(run.submission, run.first + row, 1)],
            )
        )

    def _admitted(self, run: Run, row: int) -> tuple[dict[str, Any], int]:
        """What the record stores, NULLs left out, and how many of its values were not finite."""
        stored: dict[str, Any] = {}
        added: dict[str, str] = {}
        widened: list[str] = []
        sent = non_finite = 0
        for source, name, known in self.layout.places(run.names):
            value = run.columns[source][row]
            if value is None:
                continue
            sent += 1
            try:
                kind = known or (FLOAT if name == TEST_TIME else kind_of(value))
                kept = coerce(value, kind, self.text_bytes)
                if kind == INTEGER and isinstance(kept, float):
                    self._check_widening(name)
                    widened.append(name)
            except RecordRefused as refused:
                raise RecordRefused(refused.code, f"Column {name!r} {refused.message}") from None
            if known is None:
                added[name] = kind
            if kept is None:
                non_finite += 1
            else:
                stored[name] = kept
        if not sent:
            raise RecordRefused(EMPTY_RECORD, "The record holds no value.")
        if added:
            self.layout.check_room_for(len(added))
        if added or widened:
            self.layout.change(added, widened)
        return stored, non_finite

    def _check_widening(self, name: str) -> None:
        waiting = (
            abs(value) > digest.EXACT_IN_A_DOUBLE
            for chunk in self.chunks
            if name in chunk.names
            for value in chunk.columns[chunk.names.index(name)]
            if value is not None
        )
        if any(waiting) or not self.layout.may_widen(name):
            raise RecordRefused(
                TYPE_MISMATCH,
                "is stored as integer, some beyond what a float holds exactly; send integers or rename the column.",
            )

    def _keep(self, chunk: Chunk) -> None:
        last = self.chunks[-1] if self.chunks else None
        if last is not None and last.names == chunk.names:
            last.append(chunk)
        else:
            self.chunks.append(chunk)


def whole_chunk(
    layout: Layout, keys: tuple[Any, ...], columns: list[list[Any]], received: list[float], text_bytes: int
) -> tuple[Chunk, int] | None:
    """Rows with the same keys, coerced at once, and how many values were not finite; None: some need a closer look.

    `layout` stays as it is: rows that would change it need that look.
    """
    try:
        places = layout.places(keys)
    except RecordRefused:
        return None
    rows = len(received)
    names: list[str] = []
    taken: list[ColumnValues] = []
    for place in places:
        values = columns[place.source]
        if place.kind is None:
            if values.count(None) == rows:
                continue  # a column begins with its first value
            return None
        column = take_whole(values, place.kind, text_bytes)
        if column is None:
            return None
        names.append(place.name)
        taken.append(column)
    if all(column.has_nulls for column in taken) and not _each_row_has_a_value(taken, rows):
        return None
    digests = digest.digests(
        names,
        [column.format for column in taken],
        [column.slots for column in taken],
        rows,
        any(column.has_nulls for column in taken),
    )
    chunk = Chunk(tuple(names), [column.values for column in taken], digests, received)
    return chunk, sum([column.non_finite for column in taken])


def _each_row_has_a_value(columns: list[ColumnValues], rows: int) -> bool:
    by_row = zip(*[column.values for column in columns], strict=True)
    return len(columns) > 0 and all(any(value is not None for value in row) for row in by_row)


# --- runs of records with the same keys ----------------------------------------------------------------------------
def _runs(submission: Submission) -> Iterable[Run]:
    frame = submission.frame
    if isinstance(frame, Columns):
        yield Run(frame.names, frame.columns, submission.received, submission)
    elif isinstance(frame, Unreadable):
        for index in range(frame.rows):
            submission.refuse(index, frame.code, frame.message)
    elif (columns := _columns_of_alike(frame)) is not None:  # as nearly always
        yield Run(tuple(frame[0]), columns, submission.received, submission)
    else:
        first = 0
        for keys_or_none, some in groupby(frame, _keys):
            count = len(list(some))
            if keys_or_none:
                yield from _run(keys_or_none, frame[first : first + count], submission, first)
            else:
                for index in range(first, first + count):
                    _refuse_shape(submission, index, frame[index])
            first += count


def _columns_of_alike(frame: list[Any]) -> list[list[Any]] | None:
    """Records with the same keys, in whatever order, as columns of the first one's order; None where they differ.

    Column by column: to turn all over at once (zip) takes three times as long where there are a million.
    """
    if set(map(type, frame)) != {dict} or len(set(map(len, frame))) != 1 or not frame[0]:
        return None
    try:
        return [list(map(itemgetter(key), frame)) for key in frame[0]]
    except KeyError:
        return None


def _keys(record: Any) -> tuple[Any, ...] | None:
    return tuple(record) if type(record) is dict else None


def _run(keys: tuple[Any, ...], records: list[Any], submission: Submission, first: int) -> Iterable[Run]:
    if not keys:
        for index in range(first, first + len(records)):
            _refuse_shape(submission, index, {})
        return
    columns = list(map(list, zip(*map(dict.values, records), strict=True)))
    yield Run(keys, columns, submission.received[first : first + len(records)], submission, first)


def _refuse_shape(submission: Submission, index: int, record: Any) -> None:
    if isinstance(record, MapWithBadKeys):
        submission.refuse(index, BAD_COLUMN_NAME, "A key of this record is a list or a map; text names a column.")
    elif isinstance(record, dict):
        submission.refuse(index, EMPTY_RECORD, "The record holds no value.")
    else:
        submission.refuse(index, NOT_A_RECORD, f"A record is a map of columns; this is a {type(record).__name__}.")
