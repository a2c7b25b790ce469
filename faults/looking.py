"""What a fault looks like from outside: health, memory and open files of a service's processes, once a second."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.disturbed import Stand
from tests.watching import descendants_of, open_files, resident_bytes

SECONDS_BETWEEN = 1.0
MIB = 2**20


class Looks:
    """Notes while it looks; as text it is a sentence of figures."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ready: Counter[str] = Counter()
        self.slowest_live = 0.0
        self.times_not_live = 0
        self.web_bytes: list[int] = []
        self.worker_bytes: list[int] = []
        self.web_files: list[int] = []

    def look(self) -> tuple[int, dict[str, Any]]:
        begun = time.monotonic()
        live, _ = self.stand.health("live", seconds=10)
        self.slowest_live = max(self.slowest_live, time.monotonic() - begun)
        self.times_not_live += live != 200
        status, words = self.stand.health(seconds=45)
        self.ready[f"{status} {' '.join(words.get('missing', []))}".strip()] += 1
        web = self.stand.processes["web"].pid
        self.web_bytes.append(resident_bytes(web))
        self.web_files.append(open_files(web))
        workers = [process.pid for name, process in self.stand.processes.items() if name.startswith("worker")]
        self.worker_bytes.append(sum(resident_bytes(pid) for each in workers for pid in (each, *descendants_of(each))))
        return status, words

    def during(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            self.stand.wait(SECONDS_BETWEEN)

    @property
    def always_live(self) -> bool:
        return not self.times_not_live

    @property
    def web_growth(self) -> int:
        """Bytes by which the web server's memory was ever above that of the first look."""
        return max(self.web_bytes) - self.web_bytes[0]

    def __str__(self) -> str:
        said = ", ".join(f"{words!r} {count} times" for words, count in self.ready.items())
        live = f"{'' if self.always_live else 'not '}always live, at the slowest in {self.slowest_live:.2f} s"
        first, most, last = self.web_bytes[0] / MIB, max(self.web_bytes) / MIB, self.web_bytes[-1] / MIB
        return f"{live}; ready said {said}; web server {first:.0f} MiB, most {most:.0f}, at last {last:.0f}"
