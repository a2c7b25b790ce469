"""What changed lately: one look at the database a second for a whole web process, told to every page that watches.

Worker and web are two processes and nothing but the database lies between them, so the web asks it. Only ids and
counters travel; a page then fetches what it shows. Nobody watching, nobody asking.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from django.db import DatabaseError, close_old_connections

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
OVERLAP_SECONDS = 10.0  # a transaction may become visible after one that it began before

logger = logging.getLogger(__name__)

Changes = dict[str, set[int]]


@dataclass(eq=False)
class Watcher:
    """One page's socket. What it has not sent yet is merged, so a slow one costs no memory."""

    loop: asyncio.AbstractEventLoop
    waiting: Changes = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, changes: Changes) -> None:
        """Called on the watcher's own event loop."""
        for kind, ids in changes.items():
            self.waiting.setdefault(kind, set()).update(ids)
        self.woken.set()

    def take(self) -> Changes:
        taken, self.waiting = self.waiting, {}
        self.woken.clear()
        return taken


class Source:
    """Remembers the mark of each record of one kind, and tells which marks are new."""

    def __init__(self, kind: str, read: Callable[[float], Iterable[tuple[int, Hashable]]]) -> None:
        self.kind = kind
        self.read = read
        self.marks: dict[int, Hashable] = {}

    def changed(self, since: float) -> set[int]:
        found = dict(self.read(since))
        changed = {pk for pk, mark in found.items() if self.marks.get(pk) != mark}
        self.marks.update((pk, found[pk]) for pk in changed)
        return changed


class Ticker:
    """The thread that looks. It starts with the first watcher and ends after the last has gone."""

    def __init__(self, make_sources: Callable[[], list[Source]]) -> None:
        self._make_sources = make_sources
        self._watchers: set[Watcher] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def join(self, watcher: Watcher) -> None:
        with self._lock:
            self._watchers.add(watcher)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-ticker", daemon=True)
                self._thread.start()

    def leave(self, watcher: Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)

    def _run(self) -> None:
        sources = self._make_sources()
        since = time.time()
        told = 0.0
        is_first = True
        while True:
            began = time.monotonic()
            with self._lock:
                watchers = list(self._watchers)
                if not watchers:
                    self._thread = None
                    close_old_connections()
                    return
            looked_at = time.time()
            try:
                changes = {source.kind: source.changed(since - OVERLAP_SECONDS) for source in sources}
                since = looked_at
                is_well = True
            except DatabaseError:
                logger.exception("The look for changes failed; the next is in %s s", TICK_SECONDS)
                changes, is_well = {}, False
            close_old_connections()
            changes = {kind: ids for kind, ids in changes.items() if ids}
            is_heartbeat = is_well and began - told >= HEARTBEAT_SECONDS
            if (changes and not is_first) or is_heartbeat:
                told = began
                for watcher in watchers:
                    self._tell(watcher, {} if is_first else changes)
            is_first = is_first and not is_well
            time.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began)))

    def _tell(self, watcher: Watcher, changes: Changes) -> None:
        try:
            watcher.loop.call_soon_threadsafe(watcher.tell, changes)
        except RuntimeError:  # its event loop has ended
            self.leave(watcher)
