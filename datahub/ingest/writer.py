"""The one thread of a web process that commits what all its sockets receive, in groups over all batteries."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from datahub import metrics
from datahub.ingest.buffer import Buffer, Item
from datahub.ingest.commit import Committed, commit_group
from datahub.ingest.isolation import commit_singly
from datahub.ingest.sieve import Submission
from jobs.passing import passes_by_itself

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
TOLD_A_TURN = 200  # sockets, before the event loop does something else
SECONDS_TO_FINISH = 30.0  # at the end of the process


class Writer:
    """Takes what lies in `buffer`, commits it, tells the sockets. Nothing is told before its commit.

    A lone sender's frame is committed at once. While one commit runs the next group gathers by itself, so a group is as
    large as the load asks for; where many batteries send, a commit waits a little for those that have not sent yet.
    """

    def __init__(self, buffer: Buffer, most_rows: int) -> None:
        self.buffer = buffer
        self.most_rows = most_rows
        self.committing_since: float | None = None  # monotonic time; None: nothing is being committed
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="row-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()
        atexit.register(self.finish)

    def finish(self, seconds: float = SECONDS_TO_FINISH) -> None:
        """Commits what was received, then ends the thread."""
        self._ending.set()
        self.buffer.arrivals.wake()
        self._thread.join(seconds)

    # --- the thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        arrivals = self.buffer.arrivals
        try:
            while True:
                arrivals.wait(self._ending.is_set)
                arrivals.gather(self._ending.is_set)
                items = arrivals.take(self.most_rows)
                if not items:  # woken only to end
                    return
                self._commit(items)
        finally:
            connection.close()

    def _commit(self, items: list[Item]) -> None:
        group: dict[str, list[Submission]] = {}
        for item in items:
            group.setdefault(item.stream.battery_name, []).append(item.submission)
        self.committing_since = time.monotonic()
        with metrics.COMMIT_SECONDS.time():
            committed = self._committed(group)
        self.committing_since = None
        by_loop: dict[asyncio.AbstractEventLoop, list[Item]] = {}
        for item in items:
            by_loop.setdefault(item.stream.loop, []).append(item)
        for loop, some in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._tell, some, committed)
            except RuntimeError:  # the loop is closed: the process is ending and nobody is left to tell
                logger.info("%d frames were committed after the last socket closed.", len(some))

    def _committed(self, group: Mapping[str, Sequence[Submission]]) -> dict[str, Committed]:
        try:
            return _commit_patiently(group)
        except Exception:  # whatever failed, this thread serves all sockets and must go on
            logger.warning("A group commit failed; its batteries are committed one by one.", exc_info=True)
            return commit_singly(group, _commit_patiently)

    # --- the event loop --------------------------------------------------------------------------------------------
    def _tell(self, items: list[Item], committed: dict[str, Committed]) -> None:
        for item in items[:TOLD_A_TURN]:
            self.buffer.release(item.weight)
            result = committed[item.stream.battery_name]
            item.stream.note(item, result.battery_id, result.position, result.last_test_time)
        if len(items) > TOLD_A_TURN:  # others have their turn between
            items[0].stream.loop.call_soon(self._tell, items[TOLD_A_TURN:], committed)


def _commit_patiently(group: Mapping[str, Sequence[Submission]]) -> dict[str, Committed]:
    """Waits as long as the database cannot be written: senders wait too, and nothing received is lost."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return commit_group(group)
        except (DatabaseError, InterfaceError) as error:
            connection.close()  # a connection that broke would fail for ever
            if not passes_by_itself(error):
                raise
            logger.warning("Rows wait, the database cannot be written now: %s", error)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def seconds_rows_wait() -> float:
    """For how long the rows that this process is committing have waited to be stored; 0 where none are."""
    since = _writer.committing_since if _writer is not None else None
    return 0.0 if since is None else time.monotonic() - since


_writer: Writer | None = None
_making = threading.Lock()


def running_writer() -> Writer:
    """The writer of this process; its thread starts with the first socket."""
    global _writer
    with _making:
        if _writer is None:
            buffer = Buffer(settings.UPLOAD_BUFFER_ROWS, settings.UPLOAD_COMMIT_ROWS)
            metrics.WAITING.set_function(lambda: buffer.held)
            _writer = Writer(buffer, settings.UPLOAD_COMMIT_ROWS)
            _writer.start()
        return _writer
