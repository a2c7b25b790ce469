"""A battery that holds all the rows it may: which of those that come are there already, and which are refused."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from datahub.ingest import tables
from datahub.ingest.accounts import Account, kinds_in
from datahub.ingest.layout import TEST_TIME
from datahub.ingest.protocol import BATTERY_FULL
from datahub.ingest.sieve import Chunk, Origin
from datahub.keeping import most_rows


def fitting_into(account: Account, chunk: Chunk, room: int) -> Chunk:
    """The first `room` rows that are new, and all that are stored already: a client may send again what it sent.

    The others are refused, each to who sent it.
    """
    times = chunk.columns[chunk.names.index(TEST_TIME)] if TEST_TIME in chunk.names else [None] * len(chunk)
    known = set()
    if kinds_in(account.columns):  # there is a table
        known = tables.stored_among(connection, account.pk, (time for time in times if time is not None))
    kept: list[int] = []
    origins = []
    for row, (origin, index) in enumerate(_records(chunk.origins)):
        time = times[row]
        if time is None or (time, chunk.digests[row]) not in known:
            if not room:
                origin.submission.refuse(index, BATTERY_FULL, _sentence(account))
                continue
            room -= 1
            if time is not None:  # rows without one are all distinct
                known.add((time, chunk.digests[row]))
        kept.append(row)
        origins.append(Origin(origin.submission, index, 1))
    return Chunk(
        chunk.names,
        [[column[row] for row in kept] for column in chunk.columns],
        [chunk.digests[row] for row in kept],
        [chunk.received[row] for row in kept],
        is_copy=True,
        origins=origins,
    )


def _records(origins: list[Origin]) -> Iterator[tuple[Origin, int]]:
    """Each row of a chunk, as the record of a submission that it was."""
    for origin in origins:
        for index in range(origin.first, origin.first + origin.rows):
            yield origin, index


def _sentence(account: Account) -> str:
    return f"The battery is full: it keeps {most_rows(account):,} rows, and is set to refuse more."
