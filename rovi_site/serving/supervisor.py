"""Starts the web server, the worker and the demo, watches them, and stops them in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from django.conf import settings

from rovi_site.env import CannotStart
from rovi_site.serving.asking import ask_whether_ready
from rovi_site.serving.child import Child

READY_SECONDS = 120.0
FAILURES_BEFORE_READY = 3
LOOK_SECONDS = 0.1
DEMO_CELLS = 8
DEMO_NICENESS = 10
# Array libraries in several processes: threads of their own would only take turns with the other processes'.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
SECONDS_TO_STOP = (("demo", 2.0), ("web", 5.0), ("worker", 3.0))  # together the ten that a stop may take


class Supervisor:
    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` takes one line for people at a time."""
        self._say = say
        self._stops_asked = 0
        logs = settings.ROVI_DATA / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        environment = {**ONE_THREAD, **os.environ, "PYTHONUNBUFFERED": "1"}
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        self.web = Child("web server", [sys.executable, "-m", "rovi_site.serving.web"], logs, environment)
        self.worker = Child("worker", [*manage, "run_worker"], logs, environment)
        self.demo = Child(
            "demo", [*manage, "simulate_fleet", "--stream", "--cells", str(DEMO_CELLS)], logs, environment,
            is_endless=False, niceness=DEMO_NICENESS,
        )  # fmt: skip

    def run(self, ready_line: str) -> None:
        """Blocks until SIGINT, SIGTERM or SIGHUP; `ready_line` is said when the web server answers."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        try:
            self.web.start()
            self.worker.start()
            if self._wait_until_ready():
                if settings.ROVI_DEMO:
                    self.demo.start()
                self._say(ready_line)
                self._watch()
        finally:
            self._stop()

    def _ask_to_stop(self, *_: object) -> None:
        self._stops_asked += 1  # a plain number: a signal may come while any lock is held

    def _wait_until_ready(self) -> bool:
        until = time.monotonic() + READY_SECONDS
        while not self._stops_asked:
            if ask_whether_ready()[0]:
                return True
            for child in (self.web, self.worker):
                child.look()
                if child.failures >= FAILURES_BEFORE_READY:
                    raise CannotStart(f"The {child.name} does not start. Its last words:\n{child.last_words()}")
            if time.monotonic() > until:
                raise CannotStart(f"The web server did not get ready in {READY_SECONDS:.0f} s. Its log: {self.web.log}")
            time.sleep(LOOK_SECONDS)
        return False

    def _watch(self) -> None:
        while not self._stops_asked:
            for child in (self.web, self.worker, self.demo):
                news = child.look()
                if news:
                    self._say(news)
            time.sleep(LOOK_SECONDS)

    def _stop(self) -> None:
        """First who sends, then who receives, then who works on it. Asked a second time, it waits for nobody."""
        if self._stops_asked:
            self._say("Stopping ...")
        self._stops_asked = min(self._stops_asked, 1)
        for name, seconds in SECONDS_TO_STOP:
            child: Child = getattr(self, name)
            in_time = child.stop(seconds, hurry=lambda: self._stops_asked > 1)
            if not in_time and child is not self.demo:  # of which nobody misses a row
                self._say(
                    f"The {child.name} was still busy and was killed; what it did not finish is done at the next start."
                )
        if self._stops_asked:
            self._say("Stopped.")
