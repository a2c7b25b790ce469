"""Jobs as they go on, told to whoever watches over HTTP: one query a tick for all watchers of a process.

The events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html: `progress` while the job goes
on and `end` when it has ended. An event's id stands for what it tells, so that who comes back with `Last-Event-ID` is
not told the same twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

from django.db import DatabaseError, close_old_connections, connections

from jobs.errors import TooManyFollow
from jobs.models import Job, State

TICK_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
RECONNECT_MILLISECONDS = 2000
MOST_STREAMS = 200  # of one process
TOLD = ("id", "state", "progress", "message", "error")

logger = logging.getLogger(__name__)
Event = dict[str, Any]


class Stream:
    """One watcher of one job. What it has not been told yet is replaced, so a slow one costs no memory."""

    def __init__(self, job: Job) -> None:
        self.job_id = job.pk
        self.told_now: Event = {name: getattr(job, name) for name in TOLD}
        self.is_over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def tell(self, event: Event | None) -> None:
        """Called by the thread that looks; None: the job is not there any more, and nobody will tell."""
        if event is None:
            self.end()
        elif event != self.told_now:
            self.told_now = event
            self._wake()

    def end(self) -> None:
        """Whoever watches may no longer do so; called from any thread."""
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, seconds: float) -> bool:
        """Whether there may be news; False after so long without."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def lines(self, last_event_id: str = "") -> AsyncIterator[str]:
        """What is sent, from now until the job has ended or `end` was called."""
        self._loop = asyncio.get_running_loop()
        told = last_event_id
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
        while not self.is_over:
            event = self.told_now
            has_ended = event["state"] in State.ENDED
            if (mark := mark_of(event)) != told:
                told = mark
                yield f"id: {mark}\nevent: {'end' if has_ended else 'progress'}\ndata: {json.dumps(event)}\n\n"
            if has_ended:
                return
            if not await self.wait(HEARTBEAT_SECONDS):
                yield ": it goes on\n\n"


def mark_of(event: Event) -> str:
    """The id of an event: of equal events equal, in every process."""
    return f"{zlib.crc32(json.dumps(event, sort_keys=True).encode()):08x}"


class Followers:
    """All watchers of a process, and the thread that looks for them while there are any."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._lock = threading.Lock()
        self._nobody_left = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._streams)

    def join(self, stream: Stream) -> None:
        """Raises TooManyFollow."""
        with self._lock:
            if len(self._streams) >= MOST_STREAMS:
                raise TooManyFollow(MOST_STREAMS)
            self._streams.add(stream)
            self._nobody_left.clear()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="job-followers", daemon=True)
                self._thread.start()

    def leave(self, stream: Stream) -> None:
        """Does nothing for one that has left."""
        with self._lock:
            self._streams.discard(stream)
            if not self._streams:
                self._nobody_left.set()

    def look(self) -> None:
        """One query, whoever watches what."""
        with self._lock:
            streams = list(self._streams)
        found = {event["id"]: event for event in Job.objects.filter(pk__in={it.job_id for it in streams}).values(*TOLD)}
        for stream in streams:
            stream.tell(found.get(stream.job_id))

    def _run(self) -> None:
        while True:
            self._nobody_left.wait(TICK_SECONDS)
            with self._lock:
                if not self._streams:
                    self._thread = None
                    break
            try:
                self.look()
            except DatabaseError:
                logger.exception("Jobs that are watched cannot be looked up; the next look is in %s s", TICK_SECONDS)
            close_old_connections()
        connections.close_all()


followers = Followers()
