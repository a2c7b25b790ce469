"""A service with estimators and a device that sends to each battery, to be disturbed in any way, and what it keeps."""

from __future__ import annotations

import http
import json
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.walls import DEFAULT_WALLS, probe_walls
from tests.clusters import Cluster
from tests.killable import WEB, WORKER, Service
from tests.sending import acknowledged_in
from tests.twin import oracle
from tests.watching import children_of, command_of

LOOK_SECONDS = 0.1
SECONDS_TO_FINISH = 900.0
JOINT_FILTER = Path(__file__).parent / "twin" / "scripts" / "joint_filter.py"
STOPPED = "web told to stop"
ZYGOTE = "sandbox.zygote_process"
REGISTER = """
import json
from django.core.files.base import ContentFile
from twin.registration import register_estimator
told = json.loads({told!r})
for name, definition in told["batteries"].items():
    if definition:
        file = ContentFile(json.dumps(told["parameters"]).encode(), name="parameters.json")
        register_estimator(battery_name=name, definition=definition, files=[file])
    else:
        register_estimator(battery_name=name, kind="joint_ukf", parameters=told["parameters"])
"""


def batteries(built_in: int = 1, scripts: int = 1) -> dict[str, str]:
    """Names to the script that estimates each; empty is the built-in filter. No script where walls are missing."""
    walls_stand = not probe_walls().missing(DEFAULT_WALLS)
    found = {f"built in {number}": "" for number in range(built_in)}
    return found | (
        {f"by a script/{number}": JOINT_FILTER.read_text() for number in range(scripts)} if walls_stand else {}
    )


class Stand(Service):
    """As a context it is there inside, without processes until `begin`."""

    def __init__(
        self, data: Path, cluster: Cluster | None = None, *, fleet: dict[str, str], rows: int, workers: int = 1,
        seed: int = 1, logs: Path | None = None, **variables: str,
    ) -> None:  # fmt: skip
        vendor, url = ("postgresql", cluster.url) if cluster else ("sqlite", "")
        super().__init__(data, vendor, url, **variables)
        if logs is not None:
            logs.mkdir()
            self.log_folder = logs
        self.cluster = cluster
        self.fleet, self.rows = fleet, rows
        self.names = list(fleet)
        self.workers = [f"worker-{number}" for number in range(workers)]
        self.chance = random.Random(seed)
        self.rate = 0.0
        self.revived = 0
        self.is_varied = False  # another server and another chunk at each start
        self.is_supervised = True

    def preparation(self) -> str:
        told = json.dumps({"batteries": self.fleet, "parameters": oracle.parameters("one_rc")})
        return REGISTER.format(told=told) + super().preparation()

    # --- its processes ---------------------------------------------------------------------------------------------
    def begin(self, rate: float = 0.0) -> None:
        """`rate` rows/s a battery; 0: as fast as they are stored."""
        self.rate = rate
        for name in ("web", *self.workers):
            self.launch(name)
        self.wait_until(self.answers)
        self.launch("client")

    def launch(self, name: str) -> None:
        """Starts one of web, worker-0…, client, database; does not wait until it can be used."""
        if name == "database":
            assert self.cluster is not None
            self.cluster.launch()
        elif name == "client":
            told = (f"http://127.0.0.1:{self.port}", self.token, str(self.log_folder), str(self.rows), str(self.rate))
            self.start("client", "-m", "tests.sending", *told, *self.names)
        elif name == "web":
            self.start(
                name, *WEB, **({"ROVI_SERVER": self.chance.choice(["daphne", "uvicorn"])} if self.is_varied else {})
            )
        else:
            chunk = str(self.chance.choice([3, 20, 37, 500]))
            self.start(name, *WORKER, **({"ROVI_ESTIMATION_CHUNK_ROWS": chunk} if self.is_varied else {}))

    def revive(self) -> None:
        """Starts again what has ended by itself, as a supervisor does: a worker cannot begin without a database."""
        if not self.is_supervised:
            return
        if self.cluster is not None and not self.cluster.is_running:
            self.revived += 1
            self.cluster.launch()
        for name, process in list(self.processes.items()):
            if process.poll() is not None and not (name == "client" and process.returncode == 0):
                self.revived += 1
                self.launch(name)

    def strike(self, victim: str) -> str:
        """Kills it, or stops it, and starts it again at once; returns what was struck, or nothing."""
        if victim == "database":
            assert self.cluster is not None
            self.cluster.kill()
        elif victim == "zygote":
            owner = self.processes[self.chance.choice(self.workers)]
            zygotes = [child for child in children_of(owner.pid) if ZYGOTE in command_of(child)]
            if not zygotes:  # its worker is young
                return ""
            return victim if _kill(zygotes[0]) else ""
        elif victim == "worker":
            self.kill(name := self.chance.choice(self.workers))
            self.launch(name)
            return victim
        elif victim == STOPPED:
            self.stop("web")
            self.launch("web")
            return victim
        else:
            self.kill(victim)
        self.launch(victim)
        return victim

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.revive()
            time.sleep(min(LOOK_SECONDS, left))

    def wait_for_rows(self, more: int, seconds: float = SECONDS_TO_FINISH) -> None:
        """Until so many more are acknowledged."""
        self.wait_for(self.acknowledged() + more, seconds)

    def wait_for(self, rows: int, seconds: float = SECONDS_TO_FINISH) -> None:
        """Until so many are acknowledged in all."""
        until = time.monotonic() + seconds
        while self.acknowledged() < rows:
            assert time.monotonic() < until, self.logs()
            self.wait(LOOK_SECONDS)

    def wait_until_ready(self, seconds: float = 240.0) -> None:
        until = time.monotonic() + seconds
        while self.health()[0] != http.HTTPStatus.OK:
            assert time.monotonic() < until, self.health()
            self.wait(LOOK_SECONDS)

    def finish(self, seconds: float = SECONDS_TO_FINISH) -> None:
        """Until all is sent and estimated, now as fast as can be: in chunks of three rows it would take long."""
        if self.is_varied:
            self.is_varied = False
            for name in self.workers:
                self.kill(name)
                self.launch(name)
        (self.log_folder / "hurry").touch()
        until = time.monotonic() + seconds
        while self.processes["client"].poll() != 0 or not self.is_estimated():
            assert time.monotonic() < until, f"{self.progress()}\n{self.logs()}"
            self.wait(0.5)

    def is_estimated(self) -> bool:
        try:
            return self.seen() >= self.rows * len(self.names)
        except Exception:  # noqa: BLE001  (of either driver: the database is just coming up again)
            return False

    # --- what it has come to ---------------------------------------------------------------------------------------
    def acknowledged(self) -> int:
        return sum(acknowledged_in(self.log_folder / f"{place}.journal") for place in range(len(self.names)))

    def losses(self) -> list[str]:
        """What the device found missing of what was acknowledged."""
        file = self.log_folder / "losses"
        return file.read_text().splitlines() if file.exists() else []

    def stored(self) -> int:
        return self.ask("SELECT COALESCE(SUM(rows), 0) FROM datahub_battery")[0][0]

    def seen(self) -> int:
        return self.ask("SELECT COALESCE(SUM(rows_seen), 0) FROM twin_estimatorprogress")[0][0]

    def progress(self) -> str:
        failed = self.ask("SELECT id, state, last_error FROM twin_estimator")
        return f"{self.acknowledged()} acknowledged, {self.stored()} stored, {self.seen()} seen; estimators {failed}"

    def rows_of(self, name: str) -> list[tuple[Any, ...]]:
        """All that is stored of each row but when it came."""
        columns = 'row_digest, row_late, test_time, "current", voltage'
        return [
            tuple(map(_plain, row))
            for row in self.ask(f"SELECT {columns} FROM rows_{self.battery(name)} ORDER BY row_id")
        ]

    def estimates_of(self, name: str) -> list[tuple[Any, ...]]:
        """Of each row, counted from 1: all of the estimate but when it was computed."""
        rows = self.ask(f"SELECT row_id FROM rows_{self.battery(name)} ORDER BY row_id")
        place_of = {row_id: place for place, (row_id,) in enumerate(rows, 1)}
        found = self.ask(f"SELECT * FROM estimates_{self.estimator(name)} ORDER BY row_id")
        return [(place_of[row[0]], *map(_plain, row[1:-1])) for row in found]

    def progress_of(self, name: str) -> list[tuple[Any, ...]]:
        counts = "rows_seen, rows_stepped, rows_skipped, latest_time, late_from"
        newest = "mean_nis, innovation, mean, covariance"
        where = f"WHERE estimator_id = {self.estimator(name)}"
        found = self.ask(f"SELECT {counts}, {newest} FROM twin_estimatorprogress {where}")
        return [tuple(map(_plain, row)) for row in found]

    def battery(self, name: str) -> int:
        return self._id("datahub_battery", "name", name)

    def estimator(self, name: str) -> int:
        return self._id("twin_estimator", "battery_id", self.battery(name))

    def _id(self, table: str, column: str, value: Any) -> int:
        quoted = str(value).replace("'", "''")
        return self.ask(f"SELECT id FROM {table} WHERE {column} = '{quoted}'")[0][0]


@dataclass
class Losses:
    """What a disturbed run has lost or done twice, against an undisturbed one; all shall be 0."""

    rows: int = 0
    acknowledged_lost: int = 0
    stored_twice: int = 0
    estimated_twice: int = 0
    estimates_missing: int = 0
    estimates_different: int = 0
    numbers_of_progress_different: int = 0
    told: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, stand: Stand, undisturbed: Stand) -> Losses:
        found = cls(told=stand.losses())
        for name in stand.names:
            found._add_rows(stand.rows_of(name), undisturbed.rows_of(name))
            found._add_estimates(stand, undisturbed, name)
        return found

    def _add_rows(self, rows: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
        self.rows += len(rows)
        self.acknowledged_lost += len(set(expected) - set(rows))  # in the end each row was acknowledged
        self.stored_twice += len(rows) - len({row[1:] for row in rows})
        if rows != expected:
            self.told.append(f"{len(rows)} rows, {len(expected)} were expected, or they are others or in another order")

    def _add_estimates(self, stand: Stand, undisturbed: Stand, name: str) -> None:
        found, expected = stand.estimates_of(name), undisturbed.estimates_of(name)
        places = {row[0] for row in found}
        stepped = stand.progress_of(name)[0][1]
        self.estimated_twice += len(found) - len(places) + max(0, stepped - len(places))
        self.estimates_missing += len({row[0] for row in expected} - places)
        of_place = {row[0]: row for row in expected}
        self.estimates_different += sum(row != of_place.get(row[0]) for row in found)
        self.numbers_of_progress_different += stand.progress_of(name) != undisturbed.progress_of(name)

    def __str__(self) -> str:
        return (
            f"{self.rows} rows, acknowledged and lost {self.acknowledged_lost}, stored twice {self.stored_twice}, "
            f"estimated twice {self.estimated_twice}, not estimated {self.estimates_missing}, "
            f"estimates with another bit {self.estimates_different}"
        )

    def nothing(self) -> bool:
        return not any(value for name, value in vars(self).items() if name != "rows")


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _kill(number: int) -> bool:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
