"""What lies between sockets and the writer: who has sent how much that is not yet committed. No Django here.

All of this but `Arrivals` belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datahub.ingest.frames import Frame
from datahub.ingest.protocol import Rejection
from datahub.ingest.sieve import Submission

BYTES_A_ROW = 512  # a frame weighs as many rows as it has, or one for each 512 bytes, so that wide rows weigh more
SECONDS_OF_LATELY = 1.0
GATHERING_SECONDS_A_SENDER = 0.0002
LONGEST_GATHERING_SECONDS = 0.1
REJECTIONS_HELD = 10_000  # not yet read by their sender; past that no more frames are received from it


@dataclass(slots=True, eq=False)
class Item:
    """Frames of one socket on their way through the writer."""

    stream: Stream
    submission: Submission
    weight: int
    frames: int = 1


@dataclass(eq=False)
class Stream:
    """One socket's account: records are numbered from 0 as they come, `handled` of them are stored or refused."""

    battery_name: str
    loop: asyncio.AbstractEventLoop
    wants_answers: bool
    deed: Any = None  # whose doing its first row is, if that makes a battery
    battery_id: int | None = None  # known after the first commit; another id later means the battery was deleted
    position: int = 0  # rows of the battery after the newest commit
    last_test_time: float | None = None
    sent: int = 0
    handled: int = 0
    frames: int = 0  # handled, as `handled` counts records
    frames_told: int = 0
    in_flight: int = 0  # weight
    rejections: list[Rejection] = field(default_factory=list)
    is_orphan: bool = False
    is_ending: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    # Tells the news without waiting, and returns whether it could; where it cannot, who waits for `news` will.
    tell: Callable[[], bool] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def is_settled(self) -> bool:
        """Whether all it sent is committed or refused."""
        return not self.in_flight

    def is_over(self) -> bool:
        return self.is_ending and self.is_settled() and not self.has_news()

    def has_news(self) -> bool:
        return self.frames != self.frames_told

    def take_news(self) -> list[Rejection]:
        """The rejections since the last answer; the answer that tells them also tells `handled`."""
        self.frames_told = self.frames
        taken, self.rejections = self.rejections, []
        if len(taken) >= REJECTIONS_HELD:
            self.changed.set()  # there is room again
        return taken

    def end(self) -> None:
        """No more frames will come; what is answered when all are settled is the last answer."""
        self.is_ending = True
        self.changed.set()
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        # Several may wait on one event, because each looks at its own condition before it clears and waits.
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def until_news(self) -> None:
        """Until something is to be told that `tell` could not, or nothing more ever will be."""
        while not self.has_news() and not self.is_over():
            self.news.clear()
            await self.news.wait()

    def note(self, item: Item, battery_id: int | None, position: int, last_test_time: float | None) -> None:
        """Takes in what became of an item."""
        self.in_flight -= item.weight
        self.handled += len(item.submission.received)
        self.frames += item.frames
        self.is_orphan = self.is_orphan or item.submission.is_orphan
        if battery_id is not None:
            self.battery_id = battery_id
        self.position, self.last_test_time = position, last_test_time
        if self.wants_answers:
            self.rejections += item.submission.rejections
        self.changed.set()
        if self.tell is None or not self.tell():
            self.news.set()


class Buffer:
    """All frames received and not yet committed. A stream that has no room stops receiving until `room` returns.

    A stream alone may hold `most_a_stream` so that one which floods does not make the others wait behind it.
    """

    def __init__(self, most: int, most_a_stream: int) -> None:
        self.most = most
        self.most_a_stream = most_a_stream
        self.held = 0
        self.arrivals = Arrivals()
        self._waiting: set[Stream] = set()

    def put(self, stream: Stream, frame: Frame, frame_bytes: int, received: float) -> None:
        rows = len(frame)
        weight = max(rows, 1 + frame_bytes // BYTES_A_ROW)
        self.arrivals.put(stream, frame, rows, weight, received)
        stream.sent += rows
        stream.in_flight += weight
        self.held += weight

    def has_room(self, stream: Stream) -> bool:
        return (
            stream.in_flight < self.most_a_stream and self.held < self.most and len(stream.rejections) < REJECTIONS_HELD
        )

    async def room(self, stream: Stream) -> None:
        self._waiting.add(stream)
        try:
            await stream.until(lambda: self.has_room(stream))
        finally:
            self._waiting.discard(stream)

    def release(self, weight: int) -> None:
        was_full = self.held >= self.most
        self.held -= weight
        if was_full and self.held < self.most:
            for stream in self._waiting:
                stream.changed.set()


class Arrivals:
    """The queue from the event loop into the writer's thread, in the order of arrival a battery."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._items: deque[Item] = deque()
        self._open: dict[Stream, Item] = {}
        self._is_waited_for = False
        self._waiting: set[Stream] = set()  # those with something here
        self._is_behind = False  # more lay here than was taken
        self._awaited = 0  # the gathering ends early when so many wait
        self._lately: set[Stream] = set()
        self._before: set[Stream] = set()
        self._lately_since = 0.0

    def put(self, stream: Stream, frame: Frame, rows: int, weight: int, received: float) -> None:
        with self._lock:
            self._note_sender(stream, received)
            item = self._open.get(stream)
            if item is not None and item.submission.took_in(frame):
                # Frames of a kind become one: the writer's work is a batch's and not a frame's.
                item.submission.received += [received] * rows
                item.weight += weight
                item.frames += 1
                return
            submission = Submission(
                frame, [received] * rows, stream.sent, battery_id=stream.battery_id, deed=stream.deed
            )
            item = Item(stream, submission, weight)
            self._items.append(item)
            self._open[stream] = item
            if self._is_waited_for:
                self._news.notify()

    def _note_sender(self, stream: Stream, now: float) -> None:
        passed = now - self._lately_since
        if not 0.0 <= passed < SECONDS_OF_LATELY:  # or the clock was set back
            self._before = self._lately if passed < 2 * SECONDS_OF_LATELY else set()
            self._lately, self._lately_since = set(), now
        self._lately.add(stream)
        self._waiting.add(stream)
        if self._awaited and len(self._waiting) >= self._awaited:
            self._news.notify()

    def gather(self, until: Callable[[], bool]) -> None:
        """Waits a little while for the other senders, the longer the more there are; a lone one waits for nobody.

        A commit has its price however few rows it holds, so with many batteries of a row a second each most of the
        work would be commits. Who waits for an answer before it sends again is not kept waiting: when all who sent
        lately have sent, there is nobody to wait for.
        """
        with self._lock:
            self._awaited = max(len(self._lately), len(self._before))
            if self._awaited > 1 and not self._is_behind:
                seconds = min(GATHERING_SECONDS_A_SENDER * self._awaited, LONGEST_GATHERING_SECONDS)
                self._news.wait_for(lambda: len(self._waiting) >= self._awaited or until(), seconds)
            self._awaited = 0

    def wake(self) -> None:
        with self._lock:
            self._news.notify()

    def wait(self, until: Callable[[], bool]) -> None:
        """Until something lies here, or `until` is true and `wake` was called."""
        with self._lock:
            self._is_waited_for = True
            self._news.wait_for(lambda: self._items or until())
            self._is_waited_for = False

    def take(self, most_rows: int) -> list[Item]:
        items: list[Item] = []
        rows = 0
        with self._lock:
            self._waiting.clear()
            while self._items and rows < most_rows:
                item = self._items.popleft()
                if self._open.get(item.stream) is item:
                    del self._open[item.stream]
                items.append(item)
                rows += len(item.submission.received)
            self._is_behind = bool(self._items)
        return items
