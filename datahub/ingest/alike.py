"""Many batteries that send a few rows each, taken together: one pass over all their rows instead of one a battery.

Batteries are alike whose tables have the same columns and whose records have the same keys, as in a fleet of one make.
Whatever needs a closer look (a new column, a late row, a bad value) is left to the way of one battery at a time, which
gives the same result; so this is about speed alone. No Django here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from datahub.ingest.layout import TEST_TIME, Layout
from datahub.ingest.sieve import Chunk, Submission, whole_chunk

ROWS_OF_FEW = 8  # a battery with more is as quick by itself


class Known(Protocol):
    """What is known of a battery: `columns` tells its table, as text that is equal where tables are."""

    columns: str
    last_test_time: float | None


Battery = TypeVar("Battery", bound=Known)
Sender = tuple[Battery, Submission]
Keys = tuple[Any, ...]


@dataclass(slots=True)
class Together(Generic[Battery]):
    """Rows of several batteries, ready to be stored: `rows[i]` of them, one after the other, are `batteries[i]`'s."""

    chunk: Chunk
    batteries: list[Battery]
    rows: list[int]
    non_finite: list[int]  # values a battery

    def places(self) -> Iterator[tuple[Battery, int, int]]:
        """Each battery, and where its rows begin and end in the chunk."""
        first = 0
        for battery, rows in zip(self.batteries, self.rows, strict=True):
            yield battery, first, first + rows
            first += rows

    def times(self) -> list[float | None]:
        names = self.chunk.names
        return self.chunk.columns[names.index(TEST_TIME)] if TEST_TIME in names else [None] * len(self.chunk)


def keys_of_few(submissions: Sequence[Submission]) -> Keys | None:
    """The keys that all records have which a battery was sent; None: it is to go by itself."""
    if len(submissions) != 1:
        return None
    frame = submissions[0].frame
    if type(frame) is not list or not 0 < len(frame) <= ROWS_OF_FEW or type(frame[0]) is not dict:
        return None
    keys = tuple(frame[0])
    for record in frame[1:]:
        if type(record) is not dict or tuple(record) != keys:
            return None
    return keys or None


def sift_together(
    senders: list[Sender[Battery]], keys: Keys, layout: Layout, text_bytes: int
) -> Iterator[Together[Battery] | Sender[Battery]]:
    """Batteries whose rows are sifted, and those that are to go by themselves. Where one is odd, halves are tried."""
    if len(senders) < 2:
        yield from senders
        return
    together = _sifted(senders, keys, layout, text_bytes)
    if together is None:
        middle = len(senders) // 2
        yield from sift_together(senders[:middle], keys, layout, text_bytes)
        yield from sift_together(senders[middle:], keys, layout, text_bytes)
        return
    in_order = list(_in_order(together))
    if all(in_order):
        yield together
        return
    yield from [sender for sender, is_in_order in zip(senders, in_order, strict=True) if not is_in_order]
    timely = [sender for sender, is_in_order in zip(senders, in_order, strict=True) if is_in_order]
    yield from sift_together(timely, keys, layout, text_bytes)


def _sifted(senders: list[Sender[Battery]], keys: Keys, layout: Layout, text_bytes: int) -> Together[Battery] | None:
    records: list[Any] = []
    received: list[float] = []
    for _, submission in senders:
        records += submission.frame  # type: ignore[arg-type]  # `keys_of_few` saw that it is a list
        received += submission.received
    columns = list(map(list, zip(*map(dict.values, records), strict=True)))
    taken = whole_chunk(layout, keys, columns, received, text_bytes)
    if taken is None:
        return None
    chunk, non_finite = taken
    rows = [len(submission.received) for _, submission in senders]
    together = Together(chunk, [battery for battery, _ in senders], rows, [0] * len(rows))
    if non_finite:
        sent = {place.name: columns[place.source] for place in layout.places(keys)}
        for number, (_, first, end) in enumerate(together.places()):
            for name, kept in zip(chunk.names, chunk.columns, strict=True):
                together.non_finite[number] += kept[first:end].count(None) - sent[name][first:end].count(None)
    return together


def _in_order(together: Together[Battery]) -> Iterator[bool]:
    """For each battery, whether no row of it is older than one before."""
    times = together.times()
    for battery, first, end in together.places():
        newest = battery.last_test_time
        is_in_order = True
        for time in times[first:end]:
            if time is not None:
                is_in_order = is_in_order and (newest is None or time >= newest)
                newest = time
        yield is_in_order
