"""A device that remembers what was acknowledged: `python -m tests.sending URL TOKEN FOLDER ROWS RATE NAME…`.

It sends each battery the simulated cell's rows over and over, later each time, RATE rows a second (0: as fast as they
are stored; so too once a file `hurry` lies in FOLDER). What is acknowledged is written down at once, in a file a
battery; killed and started again it goes on after that, and nowhere else. When a hello tells of fewer rows than were
acknowledged, that is a loss, and goes into the file `losses`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from datahub.streaming.client import Hello, RowStream
from datahub.streaming.service import Service
from tests.twin import oracle

PATIENCE_SECONDS = 3_600.0
MOST_A_FRAME = 50
MOST_AT_ONCE = 500
LONGEST_PAUSE = 0.2


def row(number: int) -> dict[str, float]:
    """The cell's row, its time later by the length of the file for each time that the file is over."""
    cell = oracle.cell()
    times = cell["test_time"]
    again, place = divmod(number, len(times))
    later = again * (times[-1] + times[1] - 2 * times[0])
    return {
        "test_time": times[place] + later,
        "current": cell["current"][place],
        "voltage": cell["voltage"][place],
    }


class Journal:
    """How many rows of one battery were acknowledged; it outlives its process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = acknowledged_in(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, count: int) -> None:
        if count > self.count:
            self.count = count
            os.write(self._file, b"%d\n" % count)


def acknowledged_in(path: Path) -> int:
    """A line that a kill cut off does not count."""
    lines = path.read_text().split("\n") if path.exists() else []
    return max(map(int, lines[:-1]), default=0)


class Stream(RowStream):
    """Writes down what it hears."""

    journal: Journal
    begun: int

    def _begin(self, hello: Hello) -> None:
        missing = self.journal.count - hello.position
        if missing > 0:
            with (self.journal.path.parent / "losses").open("a") as losses:
                losses.write(f"{self.battery_name}: {missing} acknowledged rows are not there\n")
        super()._begin(hello)

    def _hear(self, answer: dict[str, Any]) -> None:
        super()._hear(answer)
        self.journal.note(self.begun + self.handled)


async def send(service: Service, name: str, journal: Journal, rows: int, rate: float) -> None:
    hurry = journal.path.parent / "hurry"
    chance = random.Random(name)
    stream = Stream(service, name, patience_seconds=PATIENCE_SECONDS, tell=lambda line: print(name, line, flush=True))
    stream.journal, stream.begun = journal, journal.count
    sent = first = journal.count
    await stream.open()
    begun = time.monotonic()
    while sent < rows:
        in_haste = not rate or hurry.exists()
        due = sent + MOST_AT_ONCE if in_haste else first + int(rate * (time.monotonic() - begun))
        while sent < min(due, rows):
            size = min(min(due, rows) - sent, MOST_AT_ONCE if in_haste else chance.randint(1, MOST_A_FRAME))
            records = [row(number) for number in range(sent, sent + size)]
            await stream.send(records[0] if size == 1 else records, size)
            sent += size
        await asyncio.sleep(0 if in_haste else chance.uniform(0, LONGEST_PAUSE))
    await stream.acknowledged()
    await stream.close()


async def main(url: str, token: str, folder: str, rows: str, rate: str, *names: str) -> None:
    service = Service.at(url, token=token)
    journals = [Journal(Path(folder) / f"{place}.journal") for place in range(len(names))]
    await asyncio.gather(
        *(send(service, name, journal, int(rows), float(rate)) for name, journal in zip(names, journals, strict=True))
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
