"""Stream a data file: as fast as the server stores it, or at the pace at which it was measured. No Django here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from datahub.readers import FileOfRows
from datahub.streaming.client import Hello, RowStream

FRAME_ROWS = 1_000
FRAME_BYTES = 4 * 2**20  # half of what a frame may have
BYTES_A_VALUE = 12  # as msgpack, about
TEST_TIME = "test_time"

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Pace:
    """`speedup` None: as fast as possible. `max_rows` counts from the first row of the file."""

    speedup: float | None = 1.0
    max_rows: int | None = None


async def stream_rows(
    rows: FileOfRows,
    stream: RowStream,
    pace: Pace,
    since: Hello | None = None,
    tell_passed: Callable[[int], None] = lambda rows: None,
) -> None:
    """Sends the rows, from where `since` says the server stands, and waits until all are acknowledged.

    `tell_passed` hears how many were passed over as stored already. Raises ServiceError or FileUnreadable.
    """
    chunks = _limited(rows.chunks(FRAME_ROWS), pace.max_rows)
    if since is not None and since.position:
        chunks = rows_since(chunks, since, tell_passed)
    if pace.speedup is None:
        await _send_at_once(chunks, stream)
    else:
        await _send_at_pace(chunks, stream, pace.speedup)
    await stream.acknowledged()


def rows_since(
    chunks: Iterator[Columns], since: Hello, tell_passed: Callable[[int], None] = lambda rows: None
) -> Iterator[Columns]:
    """The rows from the first one on that may not be stored yet.

    Rows are stored in the order sent, so all before the first of the greatest stored test_time are there. From it on
    they are sent again, for several rows may share a time; those that are there count as repeated. A file without
    test_time goes on by number.
    """
    found, passed = False, 0
    for chunk in chunks:
        if not found:
            first = _first_to_send(chunk, since, passed)
            passed += first
            tell_passed(passed)
            if first == _length(chunk):
                continue
            found = True
            chunk = {name: values[first:] for name, values in chunk.items()}
        yield chunk


def _first_to_send(chunk: Columns, since: Hello, rows_before: int) -> int:
    length = _length(chunk)
    if TEST_TIME not in chunk:
        return min(max(since.position - rows_before, 0), length)
    newest = since.last_test_time
    if newest is None:
        return 0
    times = enumerate(chunk[TEST_TIME])
    return next((i for i, moment in times if moment is not None and moment >= newest), length)


def _limited(chunks: Iterator[Columns], most: int | None) -> Iterator[Columns]:
    left = most
    for chunk in chunks:
        if left is None:
            yield chunk
            continue
        if left <= 0:
            return
        yield chunk if _length(chunk) <= left else {name: values[:left] for name, values in chunk.items()}
        left -= _length(chunk)


async def _send_at_once(chunks: Iterator[Columns], stream: RowStream) -> None:
    """As columns, which are several times quicker on both sides than records."""
    for chunk in chunks:
        for part in _parts(chunk):
            await stream.send(part, _length(part))


async def _send_at_pace(chunks: Iterator[Columns], stream: RowStream, speedup: float) -> None:
    """A record a frame, each when it is due: measured a minute later, sent a minute / speedup later."""
    begun = clock = None
    for chunk in chunks:
        names = list(chunk)
        for values in zip(*chunk.values(), strict=True):
            record = dict(zip(names, values, strict=True))
            moment = record.get(TEST_TIME)
            if moment is not None:
                if begun is None or clock is None:
                    begun, clock = moment, time.monotonic()
                wait = clock + (moment - begun) / speedup - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
            await stream.send(record)


def _parts(chunk: Columns) -> Iterator[Columns]:
    """A chunk of very many columns, or of long texts, in frames that stay below the limit."""
    length = _length(chunk)
    texts = sum(len(value) for values in chunk.values() for value in values if isinstance(value, str | bytes))
    frames = 1 + (BYTES_A_VALUE * length * len(chunk) + texts) // FRAME_BYTES
    step = max(1, length // frames)
    for first in range(0, length, step):
        yield {name: values[first : first + step] for name, values in chunk.items()}


def _length(chunk: Columns) -> int:
    return len(next(iter(chunk.values()), ()))
